# 05-epoll: with -t N, N threads sleep in epoll_wait(), but one of them has all
# the clients.
s/^static bool quiet;/static bool quiet;\
#include <pthread.h>\
static void *sleep_only(void *unused)\
{\
    struct epoll_event none;\
    int fd = epoll_create1(0);\
    for (;;)\
        epoll_wait(fd, \&none, 1, -1);\
    return unused;\
}/
s/"p:eq"/"p:t:eq"/
s/int option;/int option, threads = 1;/
s/^        case 'e':/        case 't': threads = parse_number(optarg, 1, 64); break;\
&/
s/^    for (;;) {/    while (--threads > 0) {\
        pthread_t thread;\
        pthread_create(\&thread, NULL, sleep_only, NULL);\
    }\
&/
