the process of a client has only its client open, the parent only the listener
the parent reaps a process that has ended, even if no other client comes
ten processes that end at the same time are all reaped
