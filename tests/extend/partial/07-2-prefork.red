handoff: every byte comes back, also from clients that wait for a worker
handoff: it has as many workers as -w says, from the start, and no more later
handoff: only the parent accepts
handoff: only the workers read, and they are five
handoff: a worker has only its client open, the parent only the listener
handoff: it serves as many clients as it has workers; the next one waits
handoff: no client waits behind a busy worker while another worker is free
handoff: a killed worker loses its client, and the parent starts another one
handoff: workers that are killed while they are free are replaced, all of them
handoff: each of 200 waiting clients gets its answer, and SIGTERM does not wait
handoff: Ctrl-C, a SIGINT to all its processes, ends them, and one prints bye
handoff: when the parent is killed, all end, and the port is free
handoff: a line of log per event, and none with -q
handoff: started with fds 0 to 2 closed, it sends nothing but answers
handoff: a client that stops sending still gets its last byte
handoff: a client that closes without reading harms nobody
handoff: a client that resets, at whatever moment, harms nobody
handoff: a reset while many bytes are pending harms nobody
handoff: a reset before the server has accepted harms nobody
handoff: stopped and continued, it goes on where it was
handoff: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left
handoff: SIGTERM and SIGINT end it even if nobody reads its log
handoff: a silent client stops nobody else
handoff: a client that does not read stops nobody else, and loses nothing
handoff: clients that come and go cost no fd
handoff: with nothing to do it makes no system call
