auto: 2 s after the last message it wakes at most 12 times a second
auto: the same if clients are connected and say nothing
auto: the same while it waits for a client that does not read
auto: it sleeps in its pause, never in a socket's call
? auto: between two messages it sleeps: a client that talks costs less CPU than with -i 0
