# 03-select: a client must go S seconds after accept(), whatever it does. (A
# thread for each client sleeps so long.)
s/^static bool quiet;/static bool quiet;\
static int seconds;\
#include <pthread.h>\
static void *end_later(void *fd)\
{\
    sleep((unsigned)seconds);\
    shutdown((int)(long)fd, SHUT_RDWR);\
    return NULL;\
}/
s/"p:q"/"p:t:q"/
s/^        case 'q':/        case 't': seconds = parse_number(optarg, 1, 3600); break;\
&/
s/^    LOG("%s: accept: fd %d", c->name, fd);/&\
    pthread_t thread;\
    if (seconds)\
        pthread_create(\&thread, NULL, end_later, (void *)(long)fd);/
