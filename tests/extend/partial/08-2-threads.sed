# 07-threads-procs: a thread for each client, whose recv() has a timeout.
s/07-threads-procs/08-coroutines/
s/"p:m:w:q"/"p:m:t:q"/
s/case 'w': workers = parse_number(optarg, 1, MAX_WORKERS)/case 't': seconds = parse_number(optarg, 1, 3600)/
s/^static bool quiet;/static bool quiet;\
static int seconds;/
s/^    setsockopt(c->fd, IPPROTO_TCP.*/&\
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, \&(struct timeval){ seconds, 0 },\
               sizeof(struct timeval));/
