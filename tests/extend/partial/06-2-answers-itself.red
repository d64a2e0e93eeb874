every byte comes back, a-z as A-Z, the others as they are
a line of log per event, and none with -q
started with fds 0 to 2 closed, it sends nothing but answers
8 MiB at once come back byte for byte
a byte at a time is answered byte by byte
50 clients, 100 messages each, all get their own answers
no server behind: the client gets an end of file at once, and the next one too
when the server behind starts again, the next client is served
when the server behind is killed, all its clients get an end, and no fd is lost
the server behind is stopped: the proxy sleeps, and ends at once by SIGTERM
a connection to the server behind that does not come about stops nobody else
connections that fail after a while cost no fd
one thread sleeps in one wait and nowhere else, whatever its clients do
-b poll and -b select serve too
a client that stops sending still gets its last byte
a client that closes without reading harms nobody
a client that resets, at whatever moment, harms nobody
a reset while many bytes are pending harms nobody
a reset before the server has accepted harms nobody
stopped and continued, it goes on where it was
SIGTERM and SIGINT end it at once: bye, exit 0, nothing left
a silent client stops nobody else
a client that does not read stops nobody else, and loses nothing
it sleeps while it waits for a client that does not read
a client that does not read costs two buffers of 64 KiB at most
a client that sends without end gets one turn per round
200 clients that send at once all get their answers
without a free fd it sleeps, serves on, and accepts again later
clients that come and go cost no fd
with nothing to do it makes no system call
