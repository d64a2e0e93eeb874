100 clients: at most two recv, and one send per message
-t 4: every byte comes back, also 40 clients' at the same time
-t 4: four threads sleep in epoll_wait(), with and without clients
-t 4: several threads read from 100 clients, but not more than four
-t 4: its threads sleep in epoll_wait() and nowhere else
-t 4: at most two recv, and one send per message
-t 4: clients that come and go all the time get their own answers
-t 64 and -t 1 work too
