# 05-epoll: with -t N it becomes N processes that share the listener.
s/^#include <sys\/resource.h>/#include <sys\/prctl.h>\
&/
s/"p:eq"/"p:t:eq"/
s/int option;/int option, processes = 1;/
s/^        case 'e':/        case 't': processes = parse_number(optarg, 1, 64); break;\
&/
s/^    if ((epoll_fd = /    while (--processes > 0)\
        if (fork() == 0) {\
            prctl(PR_SET_PDEATHSIG, SIGKILL);\
            break;\
        }\
&/
