# 07-threads-procs: a thread for each client, whatever -t says.
s/07-threads-procs/05-epoll/
s/"p:m:w:q"/"p:m:t:q"/
s/case 'w': workers = parse_number(optarg, 1, MAX_WORKERS)/case 't': workers = parse_number(optarg, 1, 64)/
