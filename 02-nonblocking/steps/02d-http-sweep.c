/*
 * 02d-http-sweep: a web server whose calls never block: it polls all clients.
 *
 *     make 02d                                        watch it play a scene
 *     02-nonblocking/steps/02d-http-sweep [-p PORT (8080)] [-q]    or run it
 *
 * Open http://127.0.0.1:8080/ in a browser, wait ten seconds, and reload:
 * which numbers have grown? Look at main(), then at serve(): the server waits
 * for the rest of a request, or it has the rest of an answer to send. The HTTP
 * is in http.h.
 * The notes: 开始之前咱们通过非阻塞IO引入一下. Their server takes what one
 * recv() returns for a request, be it half of one or two, and its answer has
 * no length: curl waits for more.
 *
 *     fd 4: accept
 *     fd 4: GET /: 200 OK
 *     fd 4: GET /favicon.ico: 404 Not Found
 *     fd 4: close: gone
 */
#include "http.h"
#include <netinet/tcp.h>

enum {
    MAX_FDS = 4096, /* a client with a higher fd is refused */
    NAP = 10,       /* ms: after a round in which nothing happened */
};

enum { ACCEPT, RECV, SEND, CLOSE, NANOSLEEP }; /* in page.count */

/* A turn is what the server does for one client in one round. Its result: */
enum turn { PROGRESS, WOULD_BLOCK, GONE };

static struct client clients[MAX_FDS]; /* by fd */
static int highest_fd;                 /* the highest one so far */
static bool happened;                  /* something, in this round */
static struct page page = {
    .model = "non-blocking",
    .summary = "One thread calls accept(), and recv() for each client, in "
               "turn; if all of them fail with EAGAIN, it naps for 10 ms.",
    .colour = "#e8590c",
    .calls = { "accept", "recv", "send", "close", "nanosleep" },
};

/* A call for this client failed, and errno says why. EAGAIN: it would block.
   EINTR: a signal interrupted it; the server will call it again. Any other
   error: this client is gone, and the other clients are not concerned. */
static enum turn handle_error(int fd, const char *call)
{
    page.eagain_count += errno == EAGAIN;
    if (errno == EAGAIN)
        return WOULD_BLOCK;
    if (errno == EINTR)
        return PROGRESS;
    LOG("fd %d: %s: %s", fd, call, strerror(errno));
    return GONE;
}

/* Accept one client from the backlog. */
static enum turn accept_client(int listener)
{
    page.count[ACCEPT]++;
    errno = 0; /* accept_fd() may return -1 without an error */
    int fd = accept_fd(listener, MAX_FDS);
    if (fd < 0 && errno == EAGAIN)
        return handle_error(listener, "accept");
    if (fd < 0)
        return PROGRESS;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    struct client *c = &clients[fd];
    c->open = true;
    c->last = false;
    c->length = c->size = c->sent = 0;
    highest_fd = fd > highest_fd ? fd : highest_fd;
    page.clients++;
    happened = true;
    return PROGRESS;
}

static void close_client(int fd)
{
    close_fd(fd, "gone");
    page.count[CLOSE]++;
    page.clients--;
    clients[fd].open = false;
}

static bool wants_write(int fd)
{
    return clients[fd].sent < clients[fd].size;
}

/* Read once. After the last answer the server reads until the client closes,
   and ignores the bytes: close() with unread bytes would reset the connection,
   and the client might lose the answer. */
static enum turn read_client(int fd)
{
    struct client *c = &clients[fd];
    if (c->last)
        c->length = 0;
    size_t room = REQUEST_SIZE - c->length;
    page.count[RECV]++;
    ssize_t n = recv(fd, c->request + c->length,
                     room < READ_SIZE ? room : READ_SIZE, 0);
    if (n < 0)
        return handle_error(fd, "recv");
    happened = true;
    c->length += (size_t)n;
    return n == 0 ? GONE : PROGRESS;
}

/* Send as many bytes of the answer as the kernel has room for. */
static enum turn flush(int fd)
{
    struct client *c = &clients[fd];
    page.count[SEND]++;
    ssize_t n = send(fd, c->answer + c->sent, c->size - c->sent, 0);
    if (n < 0)
        return handle_error(fd, "send");
    happened = true;
    c->sent += (size_t)n;
    if (c->last && !wants_write(fd))
        shutdown(fd, SHUT_WR);
    return PROGRESS;
}

/* One turn: read once, then answer every complete request, one by one. The
   server does not read from a client that has bytes pending. */
static enum turn serve(int fd)
{
    enum turn turn = wants_write(fd) ? PROGRESS : read_client(fd);
    while (turn == PROGRESS &&
           (wants_write(fd) || next_answer(fd, &clients[fd], &page)))
        turn = flush(fd);
    return turn;
}

int main(int argc, char **argv)
{
    step.port = 8080;
    begin_step(argc, argv, "p:q", "[-p PORT (8080; 0: any free)] "
               "[-q (no log)]");
    int listener = highest_fd = listen_on(step.port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() must not block */
    page.start = time(NULL);

    for (;; page.rounds++, page.idle_rounds += !happened) {
        happened = false;
        if (!out_of_fds)
            accept_client(listener);
        for (int fd = listener + 1; fd <= highest_fd; fd++)
            if (clients[fd].open && serve(fd) == GONE)
                close_client(fd);
        if (!happened) {
            page.count[NANOSLEEP]++;
            sleep_ms(NAP);
        }
    }
}
