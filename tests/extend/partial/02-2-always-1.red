auto: 2 s after the last message it wakes at most 12 times a second
auto: the same if clients are connected and say nothing
auto: the same while it waits for a client that does not read
