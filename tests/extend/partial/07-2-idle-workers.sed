# 07-threads-procs: handoff has workers that only sleep; the parent serves each
# client in a thread.
s/^static const struct model {/static void idle_workers(int listener)\
{\
    for (int i = 0; i < workers; i++)\
        if (start_child() == 0) {\
            close(listener);\
            for (;;)\
                pause();\
        }\
    thread_per_client(listener);\
}\
\
&/
s/^    { "prefork", prefork, false },/&\
    { "handoff", idle_workers, false },/
