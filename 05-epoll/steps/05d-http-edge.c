/*
 * 05d-http-edge: the web server with epoll, edge-triggered.
 *
 *     make 05d                                        watch it play a scene
 *     05-epoll/steps/05d-http-edge [-p PORT (8080)] [-q]           or run it
 *
 * Open http://127.0.0.1:8080/ in a browser, wait ten seconds, and reload:
 * which numbers have grown? Look at main() and serve_to_the_edge(): epoll
 * reports a change once, so both accept() and recv() go on until EAGAIN. The
 * HTTP is in http.h, the same as for 02d and 03k.
 * The notes: 先来看个案例吧. Their server accepts one client and reads 2,048
 * bytes per event: of five clients that connect at once it serves one. 05c has
 * each trap alone.
 *
 *     fd 5: accept
 *     fd 5: GET /: 200 OK
 *     fd 5: GET /favicon.ico: 404 Not Found
 *     fd 5: close
 */
#include "http.h"
#include <netinet/tcp.h>

enum {
    MAX_FDS = 4096, /* a client with a higher fd is refused */
    BATCH = 64,     /* events: the most of one epoll_wait() */
    TURNS = 4,      /* for one client, in one round */
};

enum { ACCEPT, RECV, SEND, CLOSE, EPOLL_CTL, EPOLL_WAIT }; /* in page.count */

/* A turn is what the server does for one client in one round. Its result: */
enum turn { PROGRESS, WOULD_BLOCK, GONE };

static struct client clients[MAX_FDS]; /* by fd */
static int epoll_fd;
static bool happened;                  /* something, in this round */
static struct page page = {
    .model = "epoll, edge-triggered",
    .summary = "The kernel keeps the list of all sockets and reports each "
               "change once. One thread goes on until EAGAIN, then sleeps.",
    .colour = "#2f9e44",
    .calls = { "accept", "recv", "send", "close", "epoll_ctl", "epoll_wait" },
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

/* Register an fd once for all: epoll reports when there is more to read, and
   when there is room to send again, each once. */
static bool watch(int fd, int change)
{
    page.count[EPOLL_CTL]++;
    return watch_fd(epoll_fd, change, fd, EPOLLIN | EPOLLOUT | EPOLLET);
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
    if (!watch(fd, EPOLL_CTL_ADD)) {
        close_fd(fd, strerror(errno));
        return PROGRESS;
    }
    struct client *c = &clients[fd];
    c->last = false;
    c->length = c->size = c->sent = 0;
    page.clients++;
    happened = true;
    return PROGRESS;
}

static void close_client(int fd)
{
    close_fd(fd, "gone");
    page.count[CLOSE]++;
    page.clients--;
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

/* epoll does not report again what is left over, so continue until EAGAIN. A
   client that sends without end must not keep the others waiting: after some
   turns stop, and let MOD report the fd once more. */
static enum turn serve_to_the_edge(int fd)
{
    for (int i = 0; i < TURNS; i++) {
        enum turn turn = serve(fd);
        if (turn != PROGRESS)
            return turn;
    }
    return watch(fd, EPOLL_CTL_MOD) ? PROGRESS : GONE;
}

int main(int argc, char **argv)
{
    step.port = 8080;
    begin_step(argc, argv, "p:q", "[-p PORT (8080; 0: any free)] "
               "[-q (no log)]");
    int listener = listen_on(step.port);
    bool accept_pending = false; /* there may be clients in the backlog */
    fcntl(listener, F_SETFL, O_NONBLOCK); /* the last accept() finds nothing */
    epoll_fd = open_epoll();
    if (!watch(listener, EPOLL_CTL_ADD))
        err(1, "epoll_ctl");
    page.start = time(NULL);

    for (;; page.rounds++, page.idle_rounds += !happened) {
        struct epoll_event ready[BATCH];
        happened = false;
        page.count[EPOLL_WAIT]++;
        int n = epoll_wait(epoll_fd, ready, BATCH,
                           accept_pending && !out_of_fds ? 0 : -1);
        if (n < 0 && errno != EINTR)
            err(1, "epoll_wait");
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener)
                accept_pending = true;
            else if (serve_to_the_edge(fd) == GONE)
                close_client(fd);
        }
        /* One in each round; after the loop, or a new client could get the fd
           of an event that is still in this batch. */
        if (accept_pending && !out_of_fds)
            accept_pending = accept_client(listener) != WOULD_BLOCK;
    }
}
