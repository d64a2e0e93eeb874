the parent sleeps in accept(), the process of a client in recv()
each client gets a process of its own, and only this process reads from it
the process of a client has only its client open, the parent only the listener
a killed process loses its client; the other clients live on
the parent reaps a process that has ended, even if no other client comes
ten processes that end at the same time are all reaped
