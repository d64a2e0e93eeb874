/*
 * 01j-one-recv: answers each line; broken by -b, right without it.
 *
 *     make 01j                                            watch its scene
 *     01-blocking/steps/01j-one-recv [-p PORT (9000)] [-b] or run it by itself
 *
 *     -b  takes what one recv() returns for one line
 *
 * TCP has no messages: recv() may return half a line, or two lines. Look at
 * serve_lines(): it keeps the bytes of a line until its last one has come, and
 * after each recv() it answers all lines that are complete.
 * The notes: 接收一条数据. There one recv() is one message, as with -b.
 *
 *     fd 4: recv: 5 bytes
 *     fd 4: recv: 12 bytes
 *     fd 4: a line of 9 bytes
 *     fd 4: a line of 4 bytes
 */
#include "step.h"

enum { LINE_SIZE = 1024 }; /* bytes: a client with a longer line is closed */

/* Send "<LINE>\n", without the line's own \n. */
static bool answer(int fd, char *line, size_t length)
{
    char reply[LINE_SIZE + sizeof "<>\n"] = "<";
    LOG("fd %d: a line of %zu bytes", fd, length);
    length -= line[length - 1] == '\n';
    upper(line, length);
    memcpy(reply + 1, line, length);
    memcpy(reply + 1 + length, ">\n", 2);
    return send(fd, reply, length + 3, 0) >= 0;
}

/* Answer the complete lines among the bytes. Returns how many bytes are left,
   at the beginning of BYTES, or -1 if the client has gone. */
static ssize_t answer_lines(int fd, char *bytes, size_t length)
{
    char *end;
    while ((end = memchr(bytes, '\n', length)) != NULL) {
        size_t line = (size_t)(end - bytes) + 1;
        if (!answer(fd, bytes, line))
            return -1;
        length -= line;
        memmove(bytes, bytes + line, length);
    }
    return (ssize_t)length;
}

/* Serve one client, until it closes or has sent a line that is too long. */
static void serve_lines(int fd)
{
    char bytes[LINE_SIZE];
    ssize_t kept = 0;
    while (kept >= 0 && kept < LINE_SIZE) {
        ssize_t n = recv(fd, bytes + kept, sizeof bytes - (size_t)kept, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        LOG("fd %d: recv: %zd bytes", fd, n);
        if (step.flag['b'])
            kept = answer(fd, bytes, (size_t)n) ? 0 : -1;
        else
            kept = answer_lines(fd, bytes, (size_t)(kept + n));
    }
    LOG("fd %d: close", fd);
    close(fd);
}

int main(int argc, char **argv)
{
    step.port = 9000;
    begin_step(argc, argv, "p:bq", "[-p PORT (9000; 0: any free)] [-b]");
    int listener = listen_on(step.port);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            LOG("fd %d: accept", fd);
            serve_lines(fd);
        } else {
            LOG("accept: %s", strerror(errno));
            sleep_ms(10); /* no fd, no memory: try again, but not at once */
        }
    }
}
