/*
 * 04a-call: what poll() is asked, and what it answers.
 *
 *     make 04a      or:  04-poll/steps/04a-call
 *
 * Look at what survives the call: fd and events are as we left them, so the
 * same array is asked again; revents alone is written, each time. Then at what
 * comes unasked: HUP, ERR and NVAL do, even where events is 0. Whether an fd
 * blocks is all the same to poll(): in the first table, none is O_NONBLOCK.
 * The notes: (2)poll简介, which has no listing.
 *
 *     one array, three entries              n  IN      -1      IN OUT
 *       nothing has come                    1  -       -       OUT
 *       ... 3 bytes for each                2  IN      -       IN OUT
 *       ...
 *     one fd                                asked for all         for nothing
 *       a socket, not connected             OUT HUP               HUP
 *       ...
 */
#define _GNU_SOURCE /* POLLRDHUP, in glibc */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0 /* the peer sends no more: not everywhere */
#endif

/* The names of the bits. Good until the third call from now. */
static const char *names(int bits)
{
    static const struct { int bit; const char *name; } known[] = {
        { POLLIN, " IN" }, { POLLPRI, " PRI" }, { POLLOUT, " OUT" },
        { POLLRDHUP, " RDHUP" }, { POLLERR, " ERR" }, { POLLHUP, " HUP" },
        { POLLNVAL, " NVAL" },
    };
    static char texts[3][64];
    static int next;
    char *text = texts[next++ % 3];
    strcpy(text, bits == 0 ? " -" : "");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (bits & known[i].bit)
            strcat(text, known[i].name);
    return text + 1;
}

static void ask(const char *what, struct pollfd *array)
{
    int n = poll(array, 3, 0); /* 0 ms: look, do not wait */
    printf("  %-35s %d  %-8s%-8s%s\n", what, n, names(array[0].revents),
           names(array[1].revents), names(array[2].revents));
}

/* Who writes what? Only poll() writes revents, only we write the rest. */
static void array_survives(void)
{
    int one[2], two[2];
    char bytes[3];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, one) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, two) < 0)
        err(1, "socketpair");
    struct pollfd array[3] = {
        { .fd = one[0], .events = POLLIN },
        { .fd = -1, .events = POLLIN }, /* to be skipped */
        { .fd = two[0], .events = POLLIN | POLLOUT },
    };
    puts("one array, three entries              n  IN      -1      IN OUT");
    ask("nothing has come", array);
    if (write(one[1], "abc", 3) != 3 || write(two[1], "abc", 3) != 3)
        err(1, "write");
    ask("... 3 bytes for each", array);
    ask("... asked again, array as it is", array);
    if (read(one[0], bytes, sizeof bytes) != 3)
        err(1, "read");
    ask("... the first has read them", array);
    array[2].fd = ~array[2].fd; /* negative: skipped, and to be undone */
    ask("... the third is turned off", array);
    array[2].fd = ~array[2].fd;
    ask("... and on again", array);
}

/* What there is to tell about one fd: asked for everything, for nothing. */
static void look(const char *what, int fd)
{
    struct pollfd all = { .fd = fd,
                          .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP };
    struct pollfd none = { .fd = fd };
    usleep(5000); /* what was sent may still be on its way */
    poll(&all, 1, 0);
    poll(&none, 1, 0);
    printf("  %-35s %-22s%s\n", what, names(all.revents),
           names(none.revents));
}

/* A client's socket, connected to the listener. */
static int connected(int listener)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        connect(fd, (struct sockaddr *)&address, size) < 0)
        err(1, "connect");
    return fd;
}

static void sockets(void)
{
    static char bytes[64 * 1024];
    struct sockaddr_in any = { .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    look("a socket, not connected", listener);
    if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 ||
        listen(listener, 5) < 0)
        err(1, "bind and listen");
    look("a listener, nobody there", listener);
    int peer = connected(listener);
    look("... somebody there", listener);
    int fd = accept(listener, NULL, NULL);
    look("its client, nothing has come", fd);
    send(peer, "hi", 2, 0);
    look("... 2 bytes have come", fd);
    send(peer, "!", 1, MSG_OOB);
    look("... and an urgent byte", fd);
    recv(fd, bytes, 1, MSG_OOB);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    do
        while (send(fd, bytes, sizeof bytes, 0) > 0)
            ;
    while (poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 20) > 0);
    look("... no room to send", fd);
    shutdown(peer, SHUT_WR);
    look("... it sends no more (half-close)", fd);
    shutdown(fd, SHUT_WR);
    look("... we send no more either", fd);

    peer = connected(listener);
    fd = accept(listener, NULL, NULL);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
               sizeof(struct linger)); /* now close() sends a RST */
    close(peer);
    look("another client, a RST", fd);
    close(fd);
    look("... closed by ourselves", fd);
}

static void pipes_and_files(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        err(1, "pipe");
    close(ends[1]);
    look("a pipe that nobody writes to", ends[0]);
    close(ends[0]);
    if (pipe(ends) < 0)
        err(1, "pipe");
    close(ends[0]);
    look("a pipe that nobody reads from", ends[1]);
    FILE *file = tmpfile();
    if (file == NULL)
        err(1, "tmpfile");
    look("a regular file, always", fileno(file));
}

int main(void)
{
    array_survives();
    puts("one fd                                asked for all         "
         "for nothing");
    sockets();
    pipes_and_files();
}
