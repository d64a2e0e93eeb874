/*
 * slow-http: a web server that answers late, for programs that fetch pages.
 *
 *     clients/slow-http [-p PORT (8000; 0: any free)] [-q (no log)]
 *                       [-d MS before each answer (1000)]
 *     curl http://127.0.0.1:8000/3000
 *
 * /N is a page of N bytes. Words in the path change it:
 *
 *     /N/delay=MS   the answer comes after so many milliseconds
 *     /N/binary     the bytes 0 to 255 in turn; else numbered lines
 *     /N/chunked    in chunks, without a length in the header
 *     /N/close      no length at all: the page ends where the connection ends
 *     /N/cut        only the first half, then the connection ends
 *     /N/reset      only the first half, then a reset (RST)
 *
 * A path may have several words, /N/chunked/cut; a '?' ends it. Any other path
 * is 404 Not Found. HEAD gets the head of the page alone. A request that is
 * not HTTP gets 400 at once; another method gets 405.
 *
 * The server listens on 127.0.0.1 and answers one request per connection. Each
 * connection has a thread, so a client waits for its own delay and for no
 * other client. Look at send_page(), and at close_gently(): why close() alone
 * could destroy the end of a page.
 * See RFC 9112, sections 2.2 and 3 (the request), 6.3 and 7.1 (where a page
 * ends, and chunks).
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LESSON "clients/slow-http"
#define USAGE "usage: " LESSON " [-p PORT (8000; 0: any free)] " \
              "[-q (no log)]\n  [-d MS before each answer (1000)]"

enum {
    DEFAULT_PORT = 8000,
    BACKLOG = 4096,          /* clients that may wait for accept() */
    MOST_BYTES = 1000000000, /* of a page */
    MOST_MS = 600000,        /* of a delay: ten minutes */
    CHUNK = 4096,            /* bytes; a multiple of 16 and of 256 */
    REQUEST_SIZE = 8 * 1024, /* bytes; a longer header gets status 431 */
    PATH_SIZE = 256,         /* bytes, with its 0; a longer one: 414 */
    TIMEOUT = 60,            /* s: then a client that does nothing is closed */
    LINGER = 10,             /* s: to close, after the answer */
    STACK_SIZE = 128 * 1024, /* bytes, of a thread */
};

struct request {
    char method[16], path[PATH_SIZE];
};

struct page {
    int size, delay; /* bytes, ms */
    bool binary, chunked, close, cut, reset;
};

static int default_delay = 1000; /* ms */
static bool quiet;

#define LOG(format, ...) \
    ((void)(quiet || printf("%s:%d: " format "\n", \
                            __FILE__, __LINE__, __VA_ARGS__)))

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* Listen on 127.0.0.1 and print the port. Port 0 is any free one. With
   SO_REUSEADDR, old connections in TIME_WAIT do not make bind() fail. */
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
        listen(listener, BACKLOG) < 0)
        errx(1, "bind and listen, port %d: %s; another server? "
             "-p 0 takes any free port", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%s: listening on 127.0.0.1:%d\n", LESSON, ntohs(address.sin_port));
    return listener;
}

static void sleep_ms(int ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* TEXT as a number in these bounds; -1: it is none. */
static int parse_number(const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    bool is_number = isdigit((unsigned char)*text) && *end == '\0';
    return is_number && n >= least && n <= most ? (int)n : -1;
}

/* Send all of it, also where a send() takes only a part. False: the client has
   gone, or has not read for TIMEOUT. */
static bool send_all(int fd, const char *bytes, size_t length)
{
    for (size_t sent = 0; sent < length;) {
        ssize_t n = send(fd, bytes + sent, length - sent, 0);
        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* recv(), also after a signal: SIGSTOP and SIGCONT end it with EINTR where the
   socket has a timeout. */
static ssize_t receive(int fd, char *bytes, size_t size)
{
    ssize_t n;
    do
        n = recv(fd, bytes, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

/* The empty lines before a request (RFC 9112, 2.2): their length in bytes. */
static size_t empty_lines_size(const char *bytes, size_t length)
{
    size_t i = 0;
    for (;;)
        if (i < length && bytes[i] == '\n')
            i += 1;
        else if (i + 1 < length && bytes[i] == '\r' && bytes[i + 1] == '\n')
            i += 2;
        else
            return i;
}

/* The header that these bytes begin with: its length in bytes, with the empty
   line at its end; 0 if that line is not there yet. A line may end in "\n"
   alone, as nc sends it. */
static size_t header_size(const char *bytes, size_t length)
{
    bool empty = false; /* the line has no byte so far, or "\r" */
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n' && empty)
            return i + 1;
        empty = bytes[i] == '\n' || (bytes[i] == '\r' && empty);
    }
    return 0;
}

/* Cut the first line of a header of SIZE bytes into *R. Returns a status that
   is an error, or NULL. The log prints both words: all bytes are printable. */
static const char *parse_request(char *header, size_t size, struct request *r)
{
    int from = 0, to = 0;
    header[size] = '\0';
    sscanf(header, "%15[A-Z] %n%*[!-~]%n", r->method, &from, &to);
    if (strlen(header) != size || to == 0 || /* a zero byte, or no path */
        !(header[to] == '\r' || header[to] == '\n' ||
          strncmp(header + to, " HTTP/1.", 8) == 0))
        return "400 Bad Request";
    if (to - from >= PATH_SIZE)
        return "414 URI Too Long";
    snprintf(r->path, sizeof r->path, "%.*s", to - from, header + from);
    bool gets = strcmp(r->method, "GET") == 0 ||
                strcmp(r->method, "HEAD") == 0;
    return gets ? NULL : "405 Method Not Allowed";
}

/* Read a request into *R. False: none has come. *ERROR becomes a status that
   is an error, or NULL. A TLS client begins with the byte 0x16, and no line
   need ever end: it gets its answer at once. */
static bool read_request(int fd, struct request *r, const char **error)
{
    char bytes[REQUEST_SIZE + 1];
    size_t length = 0;
    for (;;) {
        ssize_t n = receive(fd, bytes + length, REQUEST_SIZE - length);
        if (n <= 0)
            return false;
        length += (size_t)n;
        size_t empty = empty_lines_size(bytes, length);
        length -= empty;
        memmove(bytes, bytes + empty, length);
        bool begins = length == 0 || ('A' <= *bytes && *bytes <= 'Z') ||
                      (*bytes == '\r' && length == 1);
        size_t size = begins ? header_size(bytes, length) : 0;
        *error = !begins ? "400 Bad Request"
               : size > 0 ? parse_request(bytes, size, r)
               : "431 Request Header Fields Too Large";
        if (!begins || size > 0 || length == REQUEST_SIZE)
            return true;
    }
}

/* A word of the path behind the size. False: there is no such word. */
static bool parse_word(const char *word, struct page *page)
{
    if (strncmp(word, "delay=", 6) == 0)
        return (page->delay = parse_number(word + 6, 0, MOST_MS)) >= 0;
    bool *flag = strcmp(word, "binary") == 0 ? &page->binary
               : strcmp(word, "chunked") == 0 ? &page->chunked
               : strcmp(word, "close") == 0 ? &page->close
               : strcmp(word, "cut") == 0 ? &page->cut
               : strcmp(word, "reset") == 0 ? &page->reset : NULL;
    if (flag)
        *flag = true;
    return flag != NULL;
}

/* The page at PATH. False: there is none. "http://host/9" is "/9" (RFC 9112,
   3.2.2: so a client asks a proxy). */
static bool find_page(const char *path, struct page *page)
{
    char words[PATH_SIZE], *rest;
    if (strncasecmp(path, "http://", 7) == 0)
        path += 7 + strcspn(path + 7, "/?");
    snprintf(words, sizeof words, "%.*s", (int)strcspn(path, "?"), path);
    char *word = strtok_r(words, "/", &rest);
    int size = word ? parse_number(word, 0, MOST_BYTES) : -1;
    *page = (struct page){ .size = size, .delay = default_delay };
    while (size >= 0 && (word = strtok_r(NULL, "/", &rest)) != NULL)
        if (!parse_word(word, page))
            size = -1;
    return size >= 0;
}

/* The CHUNK bytes of every page from FROM on, which is a multiple of CHUNK. */
static void fill(char *bytes, int from, bool binary)
{
    for (int i = 0; i < CHUNK; i++)
        bytes[i] = (char)i;
    for (int i = 0; i < CHUNK && !binary; i += 16)
        snprintf(bytes + i, 17, "byte %10d\n", from + i);
}

static bool send_head(int fd, const struct page *page)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                     "Content-Type: %s\r\n%s", page->binary ?
                     "application/octet-stream" : "text/plain",
                     page->chunked ? "Transfer-Encoding: chunked\r\n" : "");
    if (!page->chunked && !page->close)
        n += snprintf(head + n, sizeof head - (size_t)n,
                      "Content-Length: %d\r\n", page->size);
    return send_all(fd, head, (size_t)n) && send_all(fd, "\r\n", 2);
}

/* A chunk is its size in hexadecimal, a line end, the bytes, a line end. */
static bool send_page(int fd, const struct page *page)
{
    char size[16], bytes[CHUNK + 2];
    int end = page->cut || page->reset ? page->size / 2 : page->size;
    if (!send_head(fd, page))
        return false;
    for (int at = 0; at < end; at += CHUNK) {
        size_t length = (size_t)(end - at < CHUNK ? end - at : CHUNK);
        fill(bytes, at, page->binary);
        memcpy(bytes + length, "\r\n", 2);
        int n = snprintf(size, sizeof size, "%zx\r\n", length);
        if ((page->chunked && !send_all(fd, size, (size_t)n)) ||
            !send_all(fd, bytes, length + (page->chunked ? 2 : 0)))
            return false;
    }
    return !page->chunked || end < page->size || send_all(fd, "0\r\n\r\n", 5);
}

static bool send_error(int fd, const char *status, bool only_head)
{
    char text[512];
    int head = snprintf(text, sizeof text, "HTTP/1.1 %s\r\n"
                        "Connection: close\r\nContent-Type: text/plain\r\n"
                        "Allow: GET, HEAD\r\nContent-Length: %zu\r\n\r\n",
                        status, strlen(status) + 1);
    int n = snprintf(text + head, sizeof text - (size_t)head, "%s\n", status);
    return send_all(fd, text, (size_t)(only_head ? head : head + n));
}

/* strerror() may have one buffer for all threads. */
static const char *error_text(int error, char *text, size_t size)
{
    if (strerror_r(error, text, size) != 0)
        snprintf(text, size, "error %d", error);
    return text;
}

/* Answer after the delay. ERROR: a status; or NULL, there may be a page. */
static void answer(int fd, const struct request *r, const char *error,
                   struct page *page)
{
    char text[128];
    bool only_head = strcmp(r->method, "HEAD") == 0;
    if (error == NULL && !find_page(r->path, page)) {
        error = "404 Not Found";
        *page = (struct page){ .delay = default_delay };
    }
    LOG("%s %s: %s, after %d ms", r->method, r->path,
        error ? error : "200 OK", page->delay);
    sleep_ms(page->delay);
    if (!(error ? send_error(fd, error, only_head)
                : only_head ? send_head(fd, page) : send_page(fd, page)))
        LOG("%s %s: send: %s", r->method, r->path,
            error_text(errno, text, sizeof text));
}

/* If the client has sent bytes that nobody has read, close() would send a RST,
   and the kernel of the client would drop the end of the page. So end the page
   with a FIN, and read until the client closes. */
static void close_gently(int fd)
{
    char bytes[CHUNK];
    struct timeval timeout = { .tv_sec = LINGER };
    time_t end = time(NULL) + LINGER;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    shutdown(fd, SHUT_WR);
    while (receive(fd, bytes, sizeof bytes) > 0 && time(NULL) < end)
        continue;
    close(fd);
}

static void *serve_client(void *argument)
{
    int fd = (int)(intptr_t)argument;
    struct request request = { .method = "-", .path = "-" };
    struct page page = { .delay = 0 };
    struct timeval timeout = { .tv_sec = TIMEOUT };
    const char *error;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (read_request(fd, &request, &error))
        answer(fd, &request, error, &page);
    if (page.reset) /* so that close() sends a RST */
        setsockopt(fd, SOL_SOCKET, SO_LINGER,
                   &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
    if (page.reset)
        close(fd);
    else
        close_gently(fd);
    return NULL;
}

static void start_thread(int fd)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    int error = pthread_create(&thread, &attributes, serve_client,
                               (void *)(intptr_t)fd);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        LOG("pthread_create: %s", strerror(error));
        close(fd);
    }
}

/* The option's number; any other text ends the program. */
static int option_number(int option, const char *text, int most)
{
    int n = parse_number(text, 0, most);
    if (n < 0)
        errx(2, "-%c: '%s' is not a number from 0 to %d\n%s", option, text,
             most, USAGE);
    return n;
}

int main(int argc, char **argv)
{
    int port = DEFAULT_PORT, o;
    while ((o = getopt(argc, argv, "p:d:q")) != -1)
        switch (o) {
        case 'p': port = option_number(o, optarg, 65535); break;
        case 'd': default_delay = option_number(o, optarg, MOST_MS); break;
        case 'q': quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    int listener = listen_on(port);
    bool logged = false; /* the error of accept(): each time the same */
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            start_thread(fd);
            logged = false;
        } else if (errno != EINTR) {
            if (!logged)
                LOG("accept: %s; trying again", strerror(errno));
            logged = true;
            sleep_ms(10); /* with EMFILE: until a client has left */
        }
    }
}
