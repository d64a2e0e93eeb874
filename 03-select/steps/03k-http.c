/*
 * 03k-http: the web server with select(): it sleeps until a socket is ready.
 *
 *     make 03k                                        watch it play a scene
 *     03-select/steps/03k-http [-p PORT (8080)] [-q]               or run it
 *
 * Open http://127.0.0.1:8080/ in a browser, wait ten seconds, and reload:
 * which numbers have grown? Look at main(), then at serve(): the server waits
 * for the rest of a request, or it has the rest of an answer to send. The HTTP
 * is in http.h, the same as for 02d.
 * The notes: 来个和上面等同的案例. Their server takes what one recv() returns
 * for a request, its answer has no length, and one reset ends it.
 *
 *     fd 4: accept
 *     fd 4: GET /: 200 OK
 *     fd 4: GET /favicon.ico: 404 Not Found
 *     fd 4: close: gone
 */
#include "http.h"
#include <netinet/tcp.h>
#include <sys/select.h>

enum { MAX_FDS = FD_SETSIZE }; /* a client with a higher fd is refused */

enum { ACCEPT, RECV, SEND, CLOSE, SELECT }; /* in page.count */

/* A turn is what the server does for one client in one round. Its result: */
enum turn { PROGRESS, WOULD_BLOCK, GONE };

static struct client clients[MAX_FDS]; /* by fd */
static int highest_fd;                 /* the highest one so far */
static bool happened;                  /* something, in this round */
static struct page page = {
    .model = "select",
    .summary = "One thread shows the kernel all its sockets and sleeps; "
               "select() returns when one of them is ready.",
    .colour = "#1c7ed6",
    .calls = { "accept", "recv", "send", "close", "select" },
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

/* Fill the two sets: select() overwrites them, so they are new each round. */
static void watch(int listener, fd_set *readable, fd_set *writable)
{
    FD_ZERO(readable);
    FD_ZERO(writable);
    if (!out_of_fds)
        FD_SET(listener, readable);
    for (int fd = listener + 1; fd <= highest_fd; fd++)
        if (clients[fd].open)
            FD_SET(fd, wants_write(fd) ? writable : readable);
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
        fd_set readable, writable;
        watch(listener, &readable, &writable);
        int nfds = highest_fd + 1;
        happened = false;
        page.count[SELECT]++;
        int n = select(nfds, &readable, &writable, NULL, NULL);
        if (n < 0 && errno == ENOMEM)
            sleep_ms(10); /* the kernel has no memory for the wait now */
        if (n < 0 && (errno == ENOMEM || errno == EINTR))
            continue; /* the sets still have all fds */
        if (n < 0)
            err(1, "select");
        for (int fd = listener; fd < nfds; fd++) {
            if (!FD_ISSET(fd, &readable) && !FD_ISSET(fd, &writable))
                continue;
            if (fd == listener)
                accept_client(listener);
            else if (serve(fd) == GONE)
                close_client(fd);
        }
    }
}
