# 07-threads-procs: a thread for each client.
s/07-threads-procs/01-blocking/
