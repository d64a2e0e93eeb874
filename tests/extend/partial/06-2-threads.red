wrong usage, also of -u: the usage, what is wrong, exit 2
a line of log per event, and none with -q
one thread sleeps in one wait and nowhere else, whatever its clients do
without a free fd it sleeps, serves on, and accepts again later
