# 03-select: one clock for all clients. When nothing at all has happened for S
# seconds, all clients must go.
s/^static bool quiet;/static bool quiet;\
static int seconds;/
s/"p:q"/"p:t:q"/
s/^        case 'q':/        case 't': seconds = parse_number(optarg, 1, 3600); break;\
&/
s/struct timeval retry = .*/struct timeval retry = { .tv_sec = seconds };/
s/accept_failed ? &retry : NULL/seconds \&\& highest_fd > listener ? \&retry : NULL/
s/^        LOG("select: %d ready.*/&\
        for (int fd = listener + 1; n == 0 \&\& fd < nfds; fd++)\
            if (clients[fd].open)\
                close_client(fd);/
