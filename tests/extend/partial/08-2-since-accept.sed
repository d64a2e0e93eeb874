# 08-coroutines: a client must go S seconds after accept(), whatever it does. (A
# second coroutine for each client sleeps so long.)
s/^static bool quiet;/static bool quiet;\
static int seconds;\
static void *end_later(void *fd)\
{\
    co_sleep(seconds);\
    shutdown((int)(intptr_t)fd, SHUT_RDWR);\
    return NULL;\
}/
s/"p:q"/"p:t:q"/
s/^        case 'q':/        case 't': seconds = parse_number(optarg, 1, 3600); break;\
&/
s/^    client_count++;/&\
    if (seconds)\
        co_detach(co_spawn("clock", end_later, (void *)(intptr_t)fd));/
