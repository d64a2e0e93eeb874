/*
 * 08d-crawl: fetches pages, a coroutine for each, by code that knows of none.
 *
 *     make 08d                                 as 08d-crawl.sh tells: twice
 *     08-coroutines/steps/08d-crawl [-o FILE] http://HOST[:PORT][/PATH] ...
 *
 * fetch() is plain code. Its recv() makes the thread sleep, and no coroutine
 * can go on meanwhile; so the pages come one by one. Now link the same object
 * file once more, with patch.c: its recv() is another function, which lets
 * the others on, and the pages come together. Look at the GETs.
 * The patch knows four names. What waits by another one stops all as before:
 * here getaddrinfo(), while it asks a name server, and the disk.
 * FILE gets the page as it is, without its head; for one URL only.
 * The notes: 并发爬网页, 三.gevent.
 *
 *     GET: http://127.0.0.1:36291/3000
 *     3000 bytes received from http://127.0.0.1:36291/3000
 *     ...
 *     3 of 3 pages, 18000 bytes: 3.0 s
 */
#define _GNU_SOURCE /* strcasestr() */
#include "../co.h"

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *file; /* to save the page in; NULL: none */
static int pages;        /* that have come; nobody switches within ++ */
static size_t total;     /* bytes of these */

/* These return NULL, or what has gone wrong. */

/* Connect to the first address (of IPv4) that HOST has. */
static const char *dial(const char *host, const char *port, int *fd)
{
    struct addrinfo *a, hints = { .ai_family = AF_INET,
                                  .ai_socktype = SOCK_STREAM };
    int error = getaddrinfo(host, port, &hints, &a);
    if (error != 0)
        return gai_strerror(error);
    *fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    bool done = *fd >= 0 && connect(*fd, a->ai_addr, a->ai_addrlen) == 0;
    const char *wrong = done ? NULL : strerror(errno);
    freeaddrinfo(a);
    return wrong;
}

/* All that comes until the other side closes, SIZE bytes, and a '\0'. */
static const char *receive_all(int fd, char **all, size_t *size)
{
    char buffer[16 * 1024];
    ssize_t n;
    FILE *memory = open_memstream(all, size);
    if (memory == NULL)
        return strerror(errno);
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        fwrite(buffer, 1, (size_t)n, memory);
    const char *wrong = n < 0 ? strerror(errno) : NULL;
    fclose(memory);
    return wrong;
}

/* Chunks (each a size in hex, a line's end, so many bytes, a line's end; the
   last one is empty) become the page, in its place. */
static const char *join_chunks(char *bytes, size_t *size)
{
    char *at = bytes, *end = bytes + *size, *data;
    for (*size = 0; (data = memchr(at, '\n', (size_t)(end - at))) != NULL;) {
        size_t length = strtoul(at, NULL, 16);
        if (length == 0)
            return *at == '0' ? NULL : "no size of a chunk";
        if (length + 2 < length || length + 2 > (size_t)(end - ++data))
            break;
        memmove(bytes + *size, data, length);
        *size += length;
        at = data + length + 2;
    }
    return "cut off, in its chunks";
}

/* Where in an answer the page is; SIZE, the answer's, becomes the page's. */
static const char *find_page(char *answer, char **page, size_t *size)
{
    char *end = strstr(answer, "\r\n\r\n"), *told;
    int status;
    if (end == NULL || sscanf(answer, "HTTP/%*s %d", &status) != 1)
        return "no answer of HTTP";
    *end = '\0'; /* of the head */
    *page = end + 4;
    *size -= (size_t)(*page - answer);
    if (status != 200)
        return strtok(answer, "\r\n");
    if (strcasestr(answer, "\r\nTransfer-Encoding: chunked"))
        return join_chunks(*page, size);
    if ((told = strcasestr(answer, "\r\nContent-Length:")) != NULL) {
        size_t length = strtoul(told + 17, NULL, 10);
        if (length > *size)
            return "cut off";
        *size = length;
    }
    return NULL;
}

static void save(const char *page, size_t size)
{
    FILE *out = fopen(file, "wb");
    if (!out || fwrite(page, 1, size, out) != size || fclose(out) != 0)
        err(1, "%s", file);
}

static void *fetch(void *argument)
{
    char *url = argument, *answer = NULL, *page, *port = "80", *colon;
    char host[256], path[600] = "/", request[1024];
    const char *wrong = "that is not http://HOST[:PORT][/PATH]";
    size_t size;
    int fd = -1;
    printf("GET: %s\n", url);
    if (sscanf(url, "http://%255[^/]%599s", host, path) >= 1) {
        int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n"
                         "Host: %s\r\nConnection: close\r\n\r\n", path, host);
        if ((colon = strchr(host, ':')) != NULL) {
            *colon = '\0';
            port = colon + 1;
        }
        wrong = dial(host, port, &fd);
        if (!wrong && send(fd, request, (size_t)n, 0) != n)
            wrong = strerror(errno);
        if (!wrong)
            wrong = receive_all(fd, &answer, &size);
        if (!wrong)
            wrong = find_page(answer, &page, &size);
    }
    if (wrong) {
        warnx("%s: %s", url, wrong);
    } else {
        printf("%zu bytes received from %s\n", size, url);
        pages++;
        total += size;
        if (file != NULL)
            save(page, size);
    }
    if (fd >= 0)
        close(fd);
    free(answer);
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "o:")) == 'o')
        file = optarg;
    int n = argc - optind;
    if (option != -1 || n < 1 || (file != NULL && n > 1))
        errx(2, "usage: %s http://HOST[:PORT][/PATH] ...\n"
             "       %s -o FILE http://HOST[:PORT][/PATH]", *argv, *argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);

    double begin = now();
    for (int i = optind; i < argc; i++)
        if (co_spawn(argv[i], fetch, argv[i]) == NULL)
            err(1, "co_spawn");
    co_join_all();
    printf("%d of %d pages, %zu bytes: %.1f s\n", pages, n, total,
           now() - begin);
    return pages == n ? 0 : 1;
}
