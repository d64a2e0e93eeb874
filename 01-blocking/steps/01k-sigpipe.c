/*
 * 01k-sigpipe: answers a client that has closed; broken by -b, right without.
 *
 *     make 01k                                            watch its scene
 *     01-blocking/steps/01k-sigpipe [-p PORT (9000)] [-b] or run it by itself
 *
 *     -b  does not ignore SIGPIPE
 *
 * An answer is two send(). The client has closed its socket, so its kernel
 * answers the first one with a reset. Look at the second one: it fails with
 * EPIPE, and raises SIGPIPE, which ends a process that does not ignore it: the
 * server of all clients. (begin_step() ignores it, as server.c does.)
 * The notes: 处理客户端断开的问题.
 *
 *     fd 4: recv: 4 bytes
 *     fd 4: send: 9 bytes
 *     fd 4: send: Broken pipe
 *     fd 4: close
 */
#include "step.h"

/* Send a part of an answer. Returns false when the connection has ended. */
static bool send_part(int fd, const char *bytes, size_t length)
{
    ssize_t n = send(fd, bytes, length, 0); /* there is room for a few bytes */
    if (n < 0)
        LOG("fd %d: send: %s", fd, strerror(errno));
    else
        LOG("fd %d: send: %zd bytes", fd, n);
    return n >= 0;
}

/* Answer with the number of bytes, and then with the bytes. */
static void serve_in_parts(int fd)
{
    char bytes[1024], number[40];
    for (;;) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* the end of the file, or a reset */
        LOG("fd %d: recv: %zd bytes", fd, n);
        upper(bytes, (size_t)n);
        snprintf(number, sizeof number, "%zd bytes: ", n);
        if (!send_part(fd, number, strlen(number)))
            break;
        sleep_ms(10); /* time for a reset to arrive */
        if (!send_part(fd, bytes, (size_t)n))
            break;
    }
    LOG("fd %d: close", fd);
    close(fd);
}

int main(int argc, char **argv)
{
    step.port = 9000;
    begin_step(argc, argv, "p:bq", "[-p PORT (9000; 0: any free)] [-b]");
    if (step.flag['b'])
        signal(SIGPIPE, SIG_DFL);
    int listener = listen_on(step.port);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            LOG("fd %d: accept", fd);
            serve_in_parts(fd);
        } else {
            LOG("accept: %s", strerror(errno));
            sleep_ms(10); /* no fd, no memory: try again, but not at once */
        }
    }
}
