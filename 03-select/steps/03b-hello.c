/*
 * 03b-hello: select() watches the listener; a new client gets "hello".
 *
 *     make 03b                                    watch it play a scene
 *     03-select/steps/03b-hello [-p PORT (9999)]  or run it by itself
 *
 * Look at main(): the listener is readable when a client has come. (Not on
 * Linux: the client may leave before accept(). So begin_server() makes the
 * listener non-blocking. The first argument of select() is the highest fd + 1;
 * FD_SETSIZE is high enough for all.) This server does not read what a client
 * sends, and it keeps one client only. 03c-receive keeps all and reads.
 * The notes: (1)监听客户端连接. The notes' timeout of 5 s wakes the server for
 * nothing.
 *
 *     select: 1 ready
 *     fd 4: accept
 *     fd 4: send: hello
 */
#include "step.h"
#include <sys/select.h>

static fd_set inputs;  /* the notes' list: the fds to read from */

/* The listener is readable: a client has come. The server keeps one client, as
   the notes do, and closes the one before. If there is no free fd, that gives
   it one, and the next round accepts the new client. */
static void on_accept(int listener)
{
    static int newest = -1;
    int fd = accept_fd(listener, FD_SETSIZE);
    if (fd < 0 && !out_of_fds)
        return;
    if (newest >= 0)
        close_fd(newest, "a newer client has come");
    newest = fd;
    if (fd < 0)
        return;
    ssize_t n = send(fd, "hello", 5, 0);
    LOG("fd %d: send: %s", fd, n < 0 ? strerror(errno) : "hello");
}

int main(int argc, char **argv)
{
    int listener = begin_server(argc, argv, 9999);
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs; /* a copy: select() overwrites it */
        int n = select(FD_SETSIZE, &readable, NULL, NULL, NULL);
        if (interrupted(n, "select"))
            continue; /* the sets still have all fds */
        LOG("select: %d ready", n);
        if (FD_ISSET(listener, &readable))
            on_accept(listener);
    }
}
