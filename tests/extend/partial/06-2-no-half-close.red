wrong usage, also of -u: the usage, what is wrong, exit 2
a line of log per event, and none with -q
one thread sleeps in one wait and nowhere else, whatever its clients do
-b poll and -b select serve too
a client that stops sending still gets its last byte
without a free fd it sleeps, serves on, and accepts again later
it sleeps while it waits for a client that does not read
? with nothing to do it makes no system call
