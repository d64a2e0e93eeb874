/*
 * 08d-crawl: fetches pages, a coroutine for each, in code that waits.
 *
 *     make 08d                                 see 08d-crawl.sh: twice
 *     08-coroutines/steps/08d-crawl [-o FILE] http://HOST[:PORT][/PATH] ...
 *
 * Question: A page takes a second. Three coroutines fetch a page each, by the
 * kernel's recv(), which blocks. When have all three come?
 * Look at fetch(), and at the GET lines of the output. fetch() is plain code:
 * its recv() makes the thread sleep, so no other coroutine can go on, and the
 * pages come one by one. 08d-crawl.sh links the same object file again, with
 * patch.c. Now recv() is another function, which makes only this coroutine
 * wait, and the pages come together.
 * The patch replaces four functions. Every other function that waits still
 * stops all coroutines: here getaddrinfo(), when it asks a name server, and
 * fwrite(), when it writes to the disk.
 * FILE gets the page, without the HTTP header; for one URL only.
 * The notes: 并发爬网页, 三.gevent.
 *
 *     GET: http://127.0.0.1:36291/3000
 *     3000 bytes received from http://127.0.0.1:36291/3000
 *     ...
 *     3 of 3 pages, 18000 bytes: 3.0 s
 */
#define _GNU_SOURCE /* strcasestr() */
#include "../co.h"
#include "http.h"
#include "step.h"
#include <errno.h>
#include <netdb.h>

static const char *file; /* -o; NULL: do not save the page */
static int pages;        /* that have come; no coroutine switches in a ++ */
static size_t total;     /* bytes of them */

/* Connect to HOST's first IPv4 address. Returns NULL, or what went wrong. */
static const char *connect_to(const char *host, const char *port, int *fd)
{
    struct addrinfo *a, hints = { .ai_family = AF_INET,
                                  .ai_socktype = SOCK_STREAM };
    const char *problem = NULL;
    int error = getaddrinfo(host, port, &hints, &a);
    if (error != 0)
        return gai_strerror(error);
    *fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (*fd < 0 || connect(*fd, a->ai_addr, a->ai_addrlen) < 0)
        problem = strerror(errno);
    freeaddrinfo(a);
    return problem;
}

/* Receive until the server closes. *ANSWER gets *SIZE bytes and a '\0'; free
   it. Returns NULL, or what went wrong. */
static const char *read_answer(int fd, char **answer, size_t *size)
{
    char buffer[16 * 1024];
    ssize_t n;
    FILE *memory = open_memstream(answer, size);
    if (memory == NULL)
        return strerror(errno);
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        fwrite(buffer, 1, (size_t)n, memory);
    const char *problem = n < 0 ? strerror(errno) : NULL;
    if (fclose(memory) != 0 && problem == NULL)
        problem = strerror(errno);
    return problem;
}

static void save(const char *page, size_t size)
{
    FILE *out = fopen(file, "wb");
    if (!out || fwrite(page, 1, size, out) != size || fclose(out) != 0)
        err(1, "%s", file);
}

/* What each coroutine runs: it fetches one page. */
static void *fetch(void *url)
{
    struct request request;
    char *answer = NULL, *page;
    size_t size;
    int fd = -1;
    printf("GET: %s\n", (char *)url);
    const char *problem = make_request(url, &request);
    if (problem == NULL)
        problem = connect_to(request.host, request.port, &fd);
    if (problem == NULL && send(fd, request.text, request.size, 0) < 0)
        problem = strerror(errno);
    if (problem == NULL)
        problem = read_answer(fd, &answer, &size);
    if (problem == NULL)
        problem = find_page(answer, &page, &size);
    if (problem == NULL) {
        printf("%zu bytes received from %s\n", size, (char *)url);
        pages++;
        total += size;
        if (file != NULL)
            save(page, size);
    } else {
        warnx("%s: %s", (char *)url, problem);
    }
    if (fd >= 0)
        close(fd);
    free(answer);
    return NULL;
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "o:")) == 'o')
        file = optarg;
    int n = argc - optind; /* URLs; begin_step() would refuse them */
    if (option != -1 || n < 1 || (file != NULL && n > 1))
        errx(2, "usage: %s http://HOST[:PORT][/PATH] ...\n"
             "       %s -o FILE http://HOST[:PORT][/PATH]", *argv, *argv);
    open_standard_fds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);

    double begin = now_ms();
    for (int i = optind; i < argc; i++)
        spawn(argv[i], fetch, argv[i]);
    co_join_all();
    printf("%d of %d pages, %zu bytes: %.1f s\n", pages, n, total,
           (now_ms() - begin) / 1e3);
    return pages == n ? 0 : 1;
}
