one client's reset, nonsense, flood or silence harms no other client
without a free fd it serves on, and accepts again later
a silent client does not keep others waiting
its page shows true numbers: xray counts the same calls
it sleeps in poll() and nowhere else, whatever its clients do
with nothing to do it makes no system call
it sleeps while it waits for a client that does not read
1,500 clients get their pages: there is no FD_SETSIZE
clients that come and go cost no fd
it reads only from clients that poll() has reported
