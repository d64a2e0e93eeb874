# 07-threads-procs: handoff is a process for each client. (Only the parent
# accepts.)
s/^    { "prefork", prefork, false },/&\
    { "handoff", process_per_client, false },/
