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

/* Connect to the first address (of IPv4) of HOST. -1: told why not. */
static int dial(const char *url, const char *host, const char *port)
{
    struct addrinfo *a, hints = { .ai_family = AF_INET,
                                  .ai_socktype = SOCK_STREAM };
    int error = getaddrinfo(host, port, &hints, &a);
    if (error != 0) {
        warnx("%s: %s", url, gai_strerror(error));
        return -1;
    }
    int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
        warn("%s: connect", url);
        close(fd);
        fd = -1;
    }
    freeaddrinfo(a);
    return fd;
}

/* All that comes until the connection ends, SIZE bytes, and a '\0'; to be
   freed. NULL: told why. */
static char *receive_all(const char *url, int fd, size_t *size)
{
    char buffer[16 * 1024], *all = NULL;
    FILE *memory = open_memstream(&all, size);
    ssize_t n;
    if (memory == NULL)
        err(1, "open_memstream");
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        fwrite(buffer, 1, (size_t)n, memory);
    if (n < 0)
        warn("%s: recv", url);
    fclose(memory);
    if (n == 0)
        return all;
    free(all);
    return NULL;
}

/* Chunks (each a size in hex, a line's end, so many bytes, a line's end; the
   last one is empty) become the page, in its place. False: cut off. */
static bool join_chunks(char *bytes, size_t *size)
{
    char *at = bytes, *end = bytes + *size, *data;
    for (*size = 0; (data = memchr(at, '\n', (size_t)(end - at))) != NULL;) {
        size_t length = strtoul(at, NULL, 16);
        if (length == 0)
            return *at == '0';
        if (length + 2 < length || length + 2 > (size_t)(end - ++data))
            return false;
        memmove(bytes + *size, data, length);
        *size += length;
        at = data + length + 2;
    }
    return false;
}

/* Where in an answer the page begins; SIZE becomes the page's. NULL: there is
   no whole page, told why. */
static char *page_in(const char *url, char *answer, size_t *size)
{
    char *end = strstr(answer, "\r\n\r\n"), *told;
    int status;
    if (end == NULL || sscanf(answer, "HTTP/%*s %d", &status) != 1) {
        warnx("%s: that is no answer of HTTP", url);
        return NULL;
    }
    *end = '\0'; /* the head; the page is behind it */
    *size -= (size_t)(end + 4 - answer);
    size_t length = *size;
    bool chunked = strcasestr(answer, "\r\nTransfer-Encoding: chunked");
    if (status != 200)
        warnx("%s: %.*s", url, (int)strcspn(answer, "\r"), answer);
    else if (chunked && !join_chunks(end + 4, size))
        warnx("%s: cut off after %zu bytes", url, *size);
    else if (!chunked &&
             (told = strcasestr(answer, "\r\nContent-Length:")) != NULL &&
             (*size = strtoul(told + 17, NULL, 10)) > length)
        warnx("%s: cut off, %zu of %zu bytes", url, length, *size);
    else /* and where no length is told, nobody knows */
        return end + 4;
    return NULL;
}

static void *fetch(void *argument)
{
    char *url = argument, *answer = NULL, *page, request[1024];
    char host[256], port[6] = "80", path[600] = "/";
    size_t size;
    printf("GET: %s\n", url);
    if ((sscanf(url, "http://%255[^:/]:%5[0-9]%599s", host, port, path) < 2 &&
         sscanf(url, "http://%255[^:/]%599s", host, path) < 1) ||
        *path != '/') {
        warnx("%s: that is not http://HOST[:PORT][/PATH]", url);
        return NULL;
    }
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n"
                     "Connection: close\r\n\r\n", path, host);
    int fd = dial(url, host, port);
    if (fd < 0)
        return NULL;
    if (send(fd, request, (size_t)n, 0) != n)
        warn("%s: send", url);
    else if ((answer = receive_all(url, fd, &size)) != NULL &&
             (page = page_in(url, answer, &size)) != NULL) {
        printf("%zu bytes received from %s\n", size, url);
        pages++;
        total += size;
        FILE *out = file ? fopen(file, "wb") : NULL;
        if (file && (!out || fwrite(page, 1, size, out) < size || fclose(out)))
            err(1, "%s", file);
    }
    free(answer);
    close(fd);
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
