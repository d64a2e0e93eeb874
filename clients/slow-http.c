/*
 * slow-http: a web server that takes its time, for whoever fetches pages.
 *
 *     clients/slow-http [-p PORT (8000; 0: any free)] [-q (no log)]
 *                       [-d MS before each answer (1000)]
 *     curl http://127.0.0.1:8000/3000
 *
 * /N is a page of N bytes. What it is to be like may follow:
 *
 *     /N/delay=MS   after so many milliseconds
 *     /N/binary     every byte value in turn, 0 to 255; else numbered lines
 *     /N/chunked    in chunks, its length is not told beforehand
 *     /N/close      its length is not told at all: until the connection ends
 *     /N/cut        only half of it, then the end
 *     /N/reset      only half of it, then a reset (RST)
 *
 * also several, /N/chunked/cut; anything else is 404 Not Found. One request
 * per connection, on 127.0.0.1 alone. Each connection has a thread, so nobody
 * waits for another, and all the time it takes is the delay.
 * See: RFC 9112, 6.3 and 7.1: where a page ends, chunks.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LESSON "clients/slow-http"
#define USAGE "usage: " LESSON " [-p PORT (8000; 0: any free)] " \
              "[-q (no log)]\n  [-d MS before each answer (1000)]"

enum {
    DEFAULT_PORT = 8000,
    MOST_BYTES = 1000000000, /* of a page */
    MOST_MS = 600000,        /* of a delay: ten minutes */
    CHUNK = 4096,            /* bytes; a multiple of 16 and of 256 */
    REQUEST_SIZE = 8 * 1024, /* bytes: whose header is longer is dropped */
    PATIENCE = 60,           /* seconds: with who neither sends nor reads */
    STACK_SIZE = 128 * 1024, /* bytes, of a thread */
};

struct page {
    int size, delay; /* bytes, ms */
    bool binary, chunked, close, cut, reset;
};

static int delay = 1000; /* ms */
static bool quiet;

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

static void sleep_ms(int ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* Send all of it. send() waits for room, but may still stop half-way. */
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

/* Read as far as the empty line. False: it does not come. */
static bool read_request(int fd, char *request)
{
    size_t length = 0;
    ssize_t n;
    while ((n = recv(fd, request + length, REQUEST_SIZE - length, 0)) > 0) {
        length += (size_t)n;
        request[length] = '\0';
        if (strstr(request, "\r\n\r\n") || strstr(request, "\n\n"))
            return true;
    }
    return false;
}

/* The page that PATH, which is cut up, asks for. False: there is none. */
static bool find(char *path, struct page *page)
{
    char *rest, *end = "", *word = strtok_r(path, "/", &rest);
    long size = word ? strtol(word, &end, 10) : -1;
    if (size < 0 || size > MOST_BYTES || *end != '\0')
        return false;
    *page = (struct page){ .size = (int)size, .delay = delay };
    while ((word = strtok_r(NULL, "/", &rest)) != NULL)
        if (sscanf(word, "delay=%6d", &page->delay) == 1 &&
            page->delay >= 0 && page->delay <= MOST_MS)
            continue;
        else if (strcmp(word, "binary") == 0)
            page->binary = true;
        else if (strcmp(word, "chunked") == 0)
            page->chunked = true;
        else if (strcmp(word, "close") == 0)
            page->close = true;
        else if (strcmp(word, "cut") == 0)
            page->cut = true;
        else if (strcmp(word, "reset") == 0)
            page->reset = true;
        else
            return false;
    return true;
}

/* Bytes FROM, a multiple of CHUNK, to FROM + CHUNK of every page. */
static void fill(char *bytes, int from, bool binary)
{
    for (int i = 0; i < CHUNK; i++)
        bytes[i] = (char)i;
    for (int i = 0; i < CHUNK && !binary; i += 16)
        snprintf(bytes + i, 17, "byte %10d\n", from + i);
}

static bool send_page(int fd, const struct page *page)
{
    char head[256], size[16], bytes[CHUNK + 2];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                     "Content-Type: %s\r\n%s", page->binary ?
                     "application/octet-stream" : "text/plain",
                     page->chunked ? "Transfer-Encoding: chunked\r\n" : "");
    if (!page->chunked && !page->close)
        n += snprintf(head + n, sizeof head - (size_t)n,
                      "Content-Length: %d\r\n", page->size);
    if (!send_all(fd, head, (size_t)n) || !send_all(fd, "\r\n", 2))
        return false;

    int end = page->cut || page->reset ? page->size / 2 : page->size;
    for (int at = 0; at < end; at += CHUNK) {
        size_t length = (size_t)(end - at < CHUNK ? end - at : CHUNK);
        fill(bytes, at, page->binary);
        memcpy(bytes + length, "\r\n", 2); /* a chunk's end */
        n = snprintf(size, sizeof size, "%zx\r\n", length);
        if ((page->chunked && !send_all(fd, size, (size_t)n)) ||
            !send_all(fd, bytes, length + (page->chunked ? 2 : 0)))
            return false;
    }
    return !page->chunked || end < page->size || send_all(fd, "0\r\n\r\n", 5);
}

static void answer(int fd, const char *request)
{
    static const char none[] = "HTTP/1.1 404 Not Found\r\nConnection: close"
                               "\r\nContent-Length: 14\r\n\r\nno such page.\n";
    char path[256] = "", copy[256];
    struct page page = { .delay = delay };
    sscanf(request, "GET %255s", path);
    bool found = find(strcpy(copy, path), &page);
    LOG("GET %s: %s, after %d ms", path, found ? "200 OK" : "404 Not Found",
        page.delay);
    sleep_ms(page.delay);
    if (!(found ? send_page(fd, &page) : send_all(fd, none, sizeof none - 1)))
        LOG("GET %s: send: %s", path, strerror(errno));
    if (page.reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER,
                   &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
}

static void *serve_client(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char request[REQUEST_SIZE + 1];
    struct timeval patience = { .tv_sec = PATIENCE };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (read_request(fd, request))
        answer(fd, request);
    close(fd);
    return NULL;
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
    while ((option = getopt(argc, argv, "p:d:q")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 0, 65535); break;
        case 'd': delay = number(optarg, 0, MOST_MS); break;
        case 'q': quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    int listener = listen_on(port);

    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            LOG("accept: %s", strerror(errno));
            sleep_ms(10); /* without a free fd, it would be a spin */
        } else if ((errno = pthread_create(&thread, &attributes, serve_client,
                                           (void *)(intptr_t)fd)) != 0) {
            LOG("pthread_create: %s", strerror(errno));
            close(fd);
        }
    }
}
