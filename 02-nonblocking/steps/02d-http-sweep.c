/*
 * 02d-http-sweep: a web server that never waits: it asks everybody in turn.
 *
 *     make 02d                                        watch it play a scene
 *     02-nonblocking/steps/02d-http-sweep [-p PORT (8080)] [-q]    or run it
 *
 * Open http://127.0.0.1:8080/ in a browser, wait ten seconds, and reload: what
 * has grown? Look at main(), then at serve(): either a client owes us the rest
 * of a request, or we owe it the rest of an answer.
 * The notes: 开始之前咱们通过非阻塞IO引入一下. Theirs takes what one recv()
 * brings for a request, be it half of one or two, and its answer tells no
 * length: curl waits for more of it.
 *
 *     fd 4: accept
 *     fd 4: GET /: 200 OK
 *     fd 4: GET /favicon.ico: 404 Not Found
 *     fd 4: close
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LESSON "02-nonblocking/steps/02d-http-sweep"
#define USAGE "usage: " LESSON " [-p PORT (8080; 0: any free)] [-q (no log)]"

/* What the page says of the model, and in which colour. */
#define MODEL "non-blocking"
#define STORY "One thread asks everybody in turn for something to do, and " \
              "naps for 10 ms when there was nothing."
#define COLOUR "#e8590c"

enum {
    DEFAULT_PORT = 8080,
    MAX_FDS = 4096,          /* who gets an fd beyond is sent away */
    READ_SIZE = 2048,        /* bytes: one turn's read, as in the notes */
    REQUEST_SIZE = 8 * 1024, /* bytes: a longer header is refused, 431 */
    ANSWER_SIZE = 8 * 1024,  /* bytes: the page and its header */
};

struct client { /* until it is used, it costs no memory */
    bool open;
    bool last;         /* answer: what comes after it is thrown away */
    size_t length;     /* of what is in request: not answered yet */
    size_t size, sent; /* of answer; the rest is owed */
    char request[REQUEST_SIZE];
    char answer[ANSWER_SIZE];
};

enum turn { PROGRESS, WOULD_BLOCK, GONE }; /* what came of one turn */

static struct client clients[MAX_FDS]; /* by fd */
static int highest;                    /* fd so far: nobody looks beyond */
static bool full;                      /* no fd left: accept nobody now */
static bool quiet;

/* What this program does, counted by itself, for its page. */
enum { ACCEPT, RECV, SEND, CLOSE, NAP, CALLS };
static const char *const names[] = { "accept", "recv", "send", "close",
                                     "nanosleep" };
static unsigned long made[CALLS], eagains, requests, rounds, in_vain;
static int guests;    /* clients now */
static bool happened; /* something, in this round */
static time_t started;

#define LOG(format, ...) \
    ((void)(quiet || printf("%s:%d: " format "\n", \
                            __FILE__, __LINE__, __VA_ARGS__)))

/* Listen on 127.0.0.1 and say so; port 0 is any free one. */
static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0)
        err(1, "socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, SOMAXCONN) < 0)
        errx(1, "bind and listen, port %d: %s; another server? "
             "-p 0 takes any free port", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf(LESSON ": listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    return listener;
}

/* The page, or an error's. No byte in it comes from a client, so there is
   nothing to escape. Returns its length. */
static int write_page(char *page, size_t room, const char *status)
{
    static const char head[] =
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
        "content='width=device-width'><title>" MODEL "</title><style>"
        ":root{color-scheme:light dark;--c:" COLOUR ";font:1.25rem/1.5 "
        "system-ui,sans-serif}body{max-width:46rem;margin:auto;padding:2rem "
        "1.5rem}h1{font-size:2.6rem;line-height:1.1;margin:0;color:var(--c)}"
        "main{display:grid;grid-template-columns:repeat(3,1fr);gap:1rem}"
        "main p{border-top:.3rem solid var(--c);margin:0;padding:.5rem 0}"
        "b{display:block;font-size:2.2rem;line-height:1.2}table{width:100%}"
        "b,td{font-variant-numeric:tabular-nums}th{text-align:left}"
        "td{text-align:right;padding-right:1rem}td+td{width:80%}"
        "i{display:block;height:1.3rem;background:var(--c)}"
        "@media(max-width:29rem){main{grid-template-columns:1fr 1fr}}"
        "</style><h1>";
    if (status[0] != '2')
        return snprintf(page, room, "%s%s</h1><p>There is but one page here: "
                        "<a href=/>/</a>\n", head, status);
    unsigned long all = 0;
    for (int i = 0; i < CALLS; i++)
        all += made[i];
    int n = snprintf(page, room, "%s" MODEL "</h1><p>" STORY "<main>"
                     "<p><b>%d</b>clients now<p><b>%lu</b>requests so far"
                     "<p><b>%.1f</b>calls per request"
                     "<p><b>%lu</b>rounds in vain, of %lu"
                     "<p><b>%lu</b>times EAGAIN<p><b>%.0f ms</b>of CPU, "
                     "in %.0f s</main><h2>The calls, counted</h2><table>",
                     head, guests, requests, (double)all / (double)requests,
                     in_vain, rounds, eagains,
                     (double)clock() * 1000 / CLOCKS_PER_SEC,
                     difftime(time(NULL), started));
    for (int i = 0; i < CALLS; i++)
        n += snprintf(page + n, room - (size_t)n, "<tr><th>%s<td>%lu<td>"
                      "<i style=width:%lu%%></i>", names[i], made[i],
                      made[i] * 100 / all);
    return n + snprintf(page + n, room - (size_t)n, "</table><p>Wait ten "
                        "seconds and reload: what has grown, and what for?\n");
}

/* How long the header is that these bytes begin with, its empty line included;
   0: the rest is to come. A line may end in "\n" alone, as nc sends it. */
static size_t header_size(const char *bytes, size_t length)
{
    bool empty = false; /* so far, the line that we are in */
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n' && empty)
            return i + 1;
        empty = bytes[i] == '\n' || (bytes[i] == '\r' && empty);
    }
    return 0;
}

struct request {
    char method[16], minor[2], *path;
    int hosts;          /* how many lines name one */
    bool closes, keeps; /* so its lines say of the connection */
    bool last;          /* so we say */
};

/* Read the lines after the first; false: one has no name, or no Host, or two.
   We read no body: where one may follow, no next request can be found. */
static bool read_fields(struct request *r, char **rest)
{
    char *line, *more;
    while ((line = strtok_r(NULL, "\r\n", rest)) != NULL) {
        char *value = line + strcspn(line, ": \t");
        if (value == line || *value != ':')
            return false;
        *value++ = '\0';
        r->hosts += strcasecmp(line, "Host") == 0;
        r->closes |= strcasecmp(line, "Content-Length") == 0 ||
                     strcasecmp(line, "Transfer-Encoding") == 0;
        if (strcasecmp(line, "Connection") != 0)
            continue;
        for (; (value = strtok_r(value, ", \t", &more)); value = NULL) {
            r->closes |= strcasecmp(value, "close") == 0;
            r->keeps |= strcasecmp(value, "keep-alive") == 0;
        }
    }
    return r->hosts == 1 || (r->hosts == 0 && r->minor[0] == '0');
}

/* Cut up a header of so many bytes, and say what it deserves. */
static const char *judge(char *header, size_t size, struct request *r)
{
    int from = 0, to = 0, end = 0;
    char *rest;
    header[size - 1] = '\0';
    bool valid = strlen(header) == size - 1; /* no zero byte before that */
    for (char *cr = header; (cr = strchr(cr, '\r')) != NULL; cr++)
        valid &= cr[1] == '\n' || cr + 2 == header + size; /* no CR alone */
    char *line = strtok_r(header, "\r\n", &rest);
    if (!valid || line == NULL ||
        sscanf(line, "%15[!-~] %n%*[!-~]%n HTTP/1.%1[0-9]%n", r->method,
               &from, &to, r->minor, &end) != 2 || line[end] != '\0' ||
        !read_fields(r, &rest))
        return "400 Bad Request";
    if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)
        return "405 Method Not Allowed";
    r->last = r->closes || (r->minor[0] == '0' && !r->keeps);
    line[to] = '\0';
    r->path = line + from;
    if (strncasecmp(r->path, "http://", 7) == 0) /* as to a proxy */
        r->path += 7 + strcspn(r->path + 7, "/");
    r->path[strcspn(r->path, "?")] = '\0';
    bool found = strcmp(r->path, "/") == 0 || *r->path == '\0';
    return found ? "200 OK" : "404 Not Found";
}

/* Write the answer to the next request, if its header is all there. */
static bool next_answer(int fd)
{
    struct client *c = &clients[fd];
    size_t size = header_size(c->request, c->length);
    if (c->last || (size == 0 && c->length < REQUEST_SIZE))
        return false;

    char page[ANSWER_SIZE - 512];
    struct request r = { .method = "-", .path = "-", .last = true };
    const char *status = size == 0 ? "431 Request Header Fields Too Large"
                       : judge(c->request, size, &r);
    LOG("fd %d: %s %.40s: %s", fd, r.method, r.path, status);
    requests++;
    c->last = r.last;
    int length = write_page(page, sizeof page, status);
    c->sent = 0;
    c->size = (size_t)snprintf(c->answer, sizeof c->answer, "HTTP/1.1 %s\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n"
        "Allow: GET, HEAD\r\nCache-Control: no-store\r\nConnection: %s\r\n"
        "\r\n%s", status, length, c->last ? "close" : "keep-alive",
        strcmp(r.method, "HEAD") == 0 ? "" : page);
    c->length -= size;
    memmove(c->request, c->request + size, c->length);
    return true;
}

/* A call failed: not now, once more, or the end of this client; never of the
   server. */
static enum turn failed(int fd, const char *call)
{
    eagains += errno == EAGAIN;
    if (errno == EAGAIN)
        return WOULD_BLOCK;
    if (errno == EINTR)
        return PROGRESS;
    LOG("fd %d: %s: %s", fd, call, strerror(errno));
    return GONE;
}

/* Let a client in. When no fd is left, who comes has to wait in the backlog
   until one of our clients leaves, and we do not ask again before. */
static enum turn welcome(int listener)
{
    made[ACCEPT]++;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        int error = errno;
        full = error == EMFILE && guests > 0;
        enum turn turn = failed(listener, "accept");
        if (turn == GONE && !full && error != ECONNABORTED)
            usleep(10000); /* nothing tells when there is room: no spin */
        return turn;
    }
    LOG("fd %d: accept", fd);
    happened = true;
    fcntl(fd, F_SETFL, O_NONBLOCK); /* Linux does not inherit it */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (fd >= MAX_FDS) {
        LOG("fd %d: sent away", fd);
        close(fd);
        return PROGRESS;
    }
    struct client *c = &clients[fd];
    c->last = false;
    c->length = c->size = c->sent = 0;
    c->open = true;
    highest = fd > highest ? fd : highest;
    guests++;
    return PROGRESS;
}

static void close_client(int fd)
{
    LOG("fd %d: close", fd);
    made[CLOSE]++;
    close(fd);
    clients[fd].open = false;
    guests--;
    full = false;
}

static bool wants_write(int fd)
{
    return clients[fd].sent < clients[fd].size;
}

/* Read once. After the last answer, what comes is thrown away until the client
   closes too: to close with bytes unread would be a reset, and might take the
   answer away from it. */
static enum turn hear(int fd)
{
    struct client *c = &clients[fd];
    if (c->last)
        c->length = 0;
    size_t room = REQUEST_SIZE - c->length;
    made[RECV]++;
    ssize_t n = recv(fd, c->request + c->length,
                     room < READ_SIZE ? room : READ_SIZE, 0);
    if (n < 0)
        return failed(fd, "recv");
    happened = true;
    c->length += (size_t)n;
    return n == 0 ? GONE : PROGRESS;
}

/* Send what the kernel takes of the answer. */
static enum turn pay(int fd)
{
    struct client *c = &clients[fd];
    made[SEND]++;
    ssize_t n = send(fd, c->answer + c->sent, c->size - c->sent, 0);
    if (n < 0)
        return failed(fd, "send");
    happened = true;
    c->sent += (size_t)n;
    if (c->last && !wants_write(fd))
        shutdown(fd, SHUT_WR);
    return PROGRESS;
}

/* One turn: read, unless we owe something; then answer, one after the other,
   the requests that are all there. Who does not read is not heard either. */
static enum turn serve(int fd)
{
    enum turn turn = wants_write(fd) ? PROGRESS : hear(fd);
    while (turn == PROGRESS && (wants_write(fd) || next_answer(fd)))
        turn = pay(fd);
    return turn;
}

static int number(const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        errx(2, "'%s' is not a number from %d to %d\n%s", text, least, most,
             USAGE);
    return (int)n;
}

int main(int argc, char **argv)
{
    int port = DEFAULT_PORT;
    int option;
    while ((option = getopt(argc, argv, "p:q")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 0, 65535); break;
        case 'q': quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    started = time(NULL);
    int listener = highest = listen_on(port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* who came may have left */

    for (;; rounds++) {
        happened = false;
        if (!full)
            welcome(listener);
        for (int fd = listener + 1; fd <= highest; fd++)
            if (clients[fd].open && serve(fd) == GONE)
                close_client(fd);
        if (happened)
            continue;
        in_vain++;
        made[NAP]++;
        usleep(10000);
    }
}
