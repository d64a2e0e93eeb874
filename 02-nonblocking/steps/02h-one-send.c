/*
 * 02h-one-send: one send() for 20,000,000 bytes; how many does the peer get?
 *
 *     make 02h    or:  02-nonblocking/steps/02h-one-send
 *
 * Question: A socket does not block. One send() gets 20,000,000 bytes, and the
 * program does not look at what it returns. Does the peer get all bytes?
 * A child reads until the end of the file, and counts. A send() that blocks
 * returns when the kernel has taken all bytes. A send() that does not block
 * takes the bytes for which there is room now, and returns their number. Look
 * at the second row, a mistake: the program forgets the others, and no error
 * tells it so. The third row tries again until the kernel has taken them all:
 * for that, server.c keeps its pending bytes.
 * The notes: 非阻塞IO, whose server calls send() once.
 *
 *     20000000 bytes                 send()   EAGAIN   the peer got     lost
 *     blocks, one send()                  1        0       20000000        0
 *     does not block, one send()          1        0        3919872 16080128
 *     does not block, until all sent     28       20       20000000        0
 */
#include "step.h"
#include <sys/wait.h>

enum { ALL = 20000000 }; /* bytes: more than the kernel keeps for a socket */

static char bytes[ALL];
static int calls, eagain_count;

/* A child reads FD to the end, late, and writes to RESULT how many bytes it
   got. */
static void start_reader(int fd, int other_end, int result)
{
    pid_t child = check(fork(), "fork");
    if (child > 0)
        return;
    static char buffer[64 * 1024];
    long got = 0;
    ssize_t n;
    close(other_end); /* or there would be no end of the file */
    sleep_ms(50);
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        got += n;
    check(write(result, &got, sizeof got), "write");
    _exit(0);
}

/* One call of send(). Returns how many bytes the kernel has taken. */
static size_t send_once(int fd, size_t sent)
{
    ssize_t n = send(fd, bytes + sent, ALL - sent, 0);
    calls++;
    eagain_count += n < 0 && not_now();
    if (n < 0 && !not_now())
        err(1, "send");
    return n < 0 ? 0 : (size_t)n;
}

static void try_to_send(const char *how, int flags, bool until_all_sent)
{
    int listener = listen_here(1), result[2];
    int peer = connect_here(listener);
    int fd = check(accept(listener, NULL, NULL), "accept");
    check(pipe(result), "pipe");
    start_reader(peer, fd, result[1]);
    close(peer);
    close(listener);

    calls = eagain_count = 0;
    fcntl(fd, F_SETFL, flags);
    size_t sent = send_once(fd, 0);
    while (until_all_sent && sent < ALL) {
        sleep_ms(5); /* server.c serves other clients meanwhile */
        sent += send_once(fd, sent);
    }
    close(fd);

    long got = 0;
    check(read(result[0], &got, sizeof got), "read");
    printf("%-30s%7d%9d%15ld%9ld\n", how, calls, eagain_count, got, ALL - got);
    wait(NULL);
    close(result[0]);
    close(result[1]);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "");
    printf("%-29s  send()   EAGAIN   the peer got     lost\n",
           "20000000 bytes");
    try_to_send("blocks, one send()", 0, false);
    try_to_send("does not block, one send()", O_NONBLOCK, false);
    try_to_send("does not block, until all sent", O_NONBLOCK, true);
}
