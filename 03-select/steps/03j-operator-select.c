/*
 * 03j-operator-select: the keyboard is one more fd for select().
 *
 *     make 03j                                              watch it play
 *     03-select/steps/03j-operator-select [-p PORT (8801)]  or run it
 *
 * Look at main(): select() watches fd 0, the keyboard, beside the clients. So
 * the server reads from a client while another one waits for your answer. Your
 * line goes to the client that has waited longest. While no client has a
 * question, select() does not watch the keyboard: your line waits for one.
 * The notes: 三. IO multiplexing(IO多路复用), put right.
 *
 *     fd 4 asks: what time is it?
 *     answer fd 4:
 *     fd 5: accept
 */
#include "step.h"
#include <sys/select.h>

enum { LINE_SIZE = 4096 }; /* bytes: a terminal's longest line */

static fd_set inputs;  /* the notes' list: the fds to read from */
static unsigned long place[FD_SETSIZE]; /* in the queue; 0: no question */
static char typed[LINE_SIZE]; /* lines that were typed and not sent yet */
static size_t typed_size;     /* bytes of them */

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
    place[fd] = 0;
}

static void answer(int fd, const char *line, size_t length)
{
    ssize_t n = send(fd, line, length, 0);
    if (n < (ssize_t)length)
        close_client(fd, n < 0 ? strerror(errno) : "it does not read");
    else
        LOG("fd %d: send: %zd bytes", fd, n);
}

/* The client that has waited longest; or -1 if none has a question. */
static int first_in_queue(void)
{
    int first = -1;
    for (int fd = 0; fd < FD_SETSIZE; fd++)
        if (place[fd] != 0 && (first < 0 || place[fd] < place[first]))
            first = fd;
    return first;
}

/* Send each line to the client that has waited longest, while there is a line,
   and a client with a question. */
static void answer_questions(void)
{
    int fd;
    while ((fd = first_in_queue()) >= 0 && typed_size > 0) {
        char *end = memchr(typed, '\n', typed_size);
        size_t length = end ? (size_t)(end + 1 - typed) : typed_size;
        place[fd] = 0;
        answer(fd, typed, length);
        typed_size -= length;
        memmove(typed, typed + length, typed_size);
    }
    if (fd >= 0)
        LOG("answer fd %d:", fd);
}

/* The client is readable: it has sent bytes, or it has closed. */
static void read_client(int fd)
{
    char bytes[1024];
    ssize_t n = recv(fd, bytes, sizeof bytes - 1, 0);
    if (n < 0 && not_now())
        return;
    if (n <= 0) {
        close_client(fd, n == 0 ? "end of file" : strerror(errno));
        return;
    }
    LOG("fd %d asks: %s", fd, printable(bytes, (size_t)n));
    static unsigned long last; /* the last place in the queue */
    if (place[fd] == 0)
        place[fd] = ++last;
    answer_questions();
}

/* The keyboard is readable: the terminal has a whole line. A pipe may have
   several, and one read() takes them all; the buffer keeps what is left.
   (fgets() would keep it in stdio's buffer, which select() does not know.) */
static void read_keyboard(void)
{
    ssize_t n = read(STDIN_FILENO, typed, sizeof typed);
    if (n < 0 && not_now())
        return;
    if (n <= 0) {
        LOG("keyboard: %s", n == 0 ? "end of file" : strerror(errno));
        FD_CLR(STDIN_FILENO, &inputs);
        return;
    }
    typed_size = (size_t)n;
    answer_questions();
}

int main(int argc, char **argv)
{
    step.port = 8801;
    begin_step(argc, argv, "p:", "[-p PORT (8801; 0: any free)]");
    int listener = listen_on(step.port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() must not block */
    FD_SET(listener, &inputs);
    FD_SET(STDIN_FILENO, &inputs);

    for (;;) {
        fd_set readable = inputs; /* a copy: select() overwrites it */
        if (out_of_fds)
            FD_CLR(listener, &readable);
        if (first_in_queue() < 0) /* no question: the keyboard's lines wait */
            FD_CLR(STDIN_FILENO, &readable);
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
        if (FD_ISSET(STDIN_FILENO, &readable))
            read_keyboard();
    }
}
