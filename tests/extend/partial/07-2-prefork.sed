# 07-threads-procs: handoff is prefork by another name.
s/^    { "prefork", prefork, false },/&\
    { "handoff", prefork, false },/
