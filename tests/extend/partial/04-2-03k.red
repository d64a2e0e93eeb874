it answers requests in pieces, two at once, HTTP/1.0 and 1.1
bytes that are no request get the right status, and then an end of file
one client's reset, nonsense, flood or silence harms no other client
a client that reads late gets all 6,000 answers, to the last byte
without a free fd it serves on, and accepts again later
a silent client does not keep others waiting
curl accepts all answers, 3,000 of them over one connection
its page shows true numbers: xray counts the same calls
it sleeps in poll() and nowhere else, whatever its clients do
with nothing to do it makes no system call
it sleeps while it waits for a client that does not read
1,500 clients get their pages: there is no FD_SETSIZE
clients that come and go cost no fd
it reads only from clients that poll() has reported
SIGTERM ends it at once, also with clients
