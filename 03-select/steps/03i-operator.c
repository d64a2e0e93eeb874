/*
 * 03i-operator: BROKEN: you type the answers, and all clients wait for you.
 *
 *     make 03i                                       watch it play a scene
 *     03-select/steps/03i-operator [-p PORT (8801)]  or run it by itself
 *
 * You are the operator. Look at read_client(): select() waits for all clients,
 * but fgets() waits for the keyboard alone. Until you have typed a line, the
 * server accepts no client and reads from none. Mended in 03j-operator-select.
 * The notes: 三. IO multiplexing(IO多路复用).
 *
 *     fd 4: accept
 *     fd 4 asks: what time is it?
 *     answer fd 4:
 */
#include "step.h"
#include <sys/select.h>

static fd_set inputs;  /* the notes' list: the fds to read from */

/* The listener is readable: a client has come. */
static void on_accept(int listener)
{
    int fd = accept_fd(listener, FD_SETSIZE);
    if (fd < 0)
        return;
    FD_SET(fd, &inputs);
}

static void close_client(int fd, const char *why)
{
    close_fd(fd, why);
    FD_CLR(fd, &inputs);
}

static void answer(int fd, const char *line, size_t length)
{
    ssize_t n = send(fd, line, length, 0);
    if (n < (ssize_t)length)
        close_client(fd, n < 0 ? strerror(errno) : "it does not read");
    else
        LOG("fd %d: send: %zd bytes", fd, n);
}

/* The client is readable: it has sent bytes, or it has closed. */
static void read_client(int fd)
{
    char bytes[1024], line[1024];
    ssize_t n = recv(fd, bytes, sizeof bytes - 1, 0);
    if (n < 0 && not_now())
        return;
    if (n <= 0) {
        close_client(fd, n == 0 ? "end of file" : strerror(errno));
        return;
    }
    LOG("fd %d asks: %s", fd, printable(bytes, (size_t)n));
    LOG("answer fd %d:", fd);
    if (fgets(line, sizeof line, stdin) != NULL) /* it blocks */
        answer(fd, line, strlen(line));
    else
        LOG("keyboard: %s", feof(stdin) ? "end of file" : strerror(errno));
}

int main(int argc, char **argv)
{
    step.port = 8801;
    begin_step(argc, argv, "p:", "[-p PORT (8801; 0: any free)]");
    int listener = listen_on(step.port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() must not block */
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs; /* a copy: select() overwrites it */
        if (out_of_fds)
            FD_CLR(listener, &readable);
        int n = select(FD_SETSIZE, &readable, NULL, NULL, NULL);
        if (n < 0 && errno == EINTR)
            continue; /* a signal: the sets still have all fds */
        if (n < 0)
            err(1, "select");
        for (int fd = listener; fd < FD_SETSIZE; fd++) {
            if (fd == listener && FD_ISSET(fd, &readable))
                on_accept(listener);
            else if (FD_ISSET(fd, &readable))
                read_client(fd);
        }
    }
}
