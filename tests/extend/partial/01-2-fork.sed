# 01-blocking: a process for each client; the parent reaps none, and the child
# keeps the listener.
s/^#include <sys\/socket.h>/#include <sys\/prctl.h>\
&/
s/^        serve_client(fd, name);/        if (fork() == 0) {\
            prctl(PR_SET_PDEATHSIG, SIGKILL);\
            signal(SIGINT, SIG_DFL);\
            serve_client(fd, name);\
            _exit(0);\
        }\
        close(fd);/
