/*
 * 08d-crawl: fetches pages, a coroutine for each, in code that waits.
 *
 *     make 08d                                 see 08d-crawl.sh: twice
 *     08-coroutines/steps/08d-crawl [-s SECONDS] [-o FILE]
 *         http://HOST[:PORT][/PATH] ...
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
 * FILE gets the page, without the HTTP header; for one URL only. An answer
 * that takes more than SECONDS (10) or more than 16 MiB is an error.
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
#include <sys/time.h>

enum { ANSWER_SIZE = 16 * 1024 * 1024 }; /* bytes, at most */

static double limit = 10; /* -s: seconds for an answer, at most */
static const char *file;  /* -o; NULL: do not save the page */
static int pages;         /* that have come; no coroutine switches in a ++ */
static size_t total;      /* bytes of them */

/* Connect to HOST's first IPv4 address. Returns NULL, or what went wrong. */
static const char *connect_to(const char *host, const char *port, int *fd)
{
    struct addrinfo *a, hints = { .ai_family = AF_INET,
                                  .ai_socktype = SOCK_STREAM };
    const char *problem = NULL;
    struct timeval t = { (time_t)limit, (long)(limit * 1e6) % 1000000 };
    int error = getaddrinfo(host, port, &hints, &a);
    if (error != 0)
        return gai_strerror(error);
    *fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (*fd < 0 || connect(*fd, a->ai_addr, a->ai_addrlen) < 0)
        problem = strerror(errno);
    setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    freeaddrinfo(a);
    return problem;
}

/* Receive until the server closes. *ANSWER gets *SIZE bytes and a '\0'; free
   it. Returns NULL, or what went wrong. */
static const char *read_answer(int fd, char **answer, size_t *size)
{
    double end = now_ms() + limit * 1e3;
    ssize_t n;
    if ((*answer = malloc(ANSWER_SIZE + 1)) == NULL)
        return strerror(errno);
    *size = 0;
    do { /* EINTR: the process was stopped (SO_RCVTIMEO in signal(7)) */
        n = recv(fd, *answer + *size, ANSWER_SIZE - *size, 0);
        *size += n > 0 ? (size_t)n : 0;
        if (*size == ANSWER_SIZE)
            return "it is too large";
        if (now_ms() > end || (n < 0 && errno == EAGAIN))
            return "it takes too long";
    } while (n > 0 || (n < 0 && errno == EINTR));
    (*answer)[*size] = '\0';
    return n < 0 ? strerror(errno) : NULL;
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
    size_t size = 0;
    int fd = -1;
    const char *problem = make_request(url, &request);
    printable(url, strlen(url)); /* it is only printed from now on */
    printf("GET: %s\n", (char *)url);
    if (problem == NULL)
        problem = connect_to(request.host, request.port, &fd);
    if (problem == NULL && send(fd, request.text, request.size, 0) < 0)
        problem = strerror(errno);
    if (problem == NULL)
        problem = read_answer(fd, &answer, &size);
    if (problem == NULL)
        problem = find_page(answer, &page, &size);
    if (problem == NULL) {
        if (file != NULL)
            save(page, size);
        printf("%zu bytes received from %s\n", size, (char *)url);
        pages++;
        total += size;
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
    step.usage = "usage: 08d-crawl [-s SECONDS] [-o FILE] "
                 "http://HOST[:PORT][/PATH] ...; FILE for one URL only";
    while ((option = getopt(argc, argv, "o:s:")) != -1)
        switch (option) {
        case 'o': file = optarg; break;
        case 's': limit = parse_seconds(optarg); break;
        default: errx(2, "%s", USAGE);
        }
    int n = argc - optind; /* URLs; begin_step() would refuse them */
    if (n < 1 || (file != NULL && n > 1))
        errx(2, "%s", USAGE);
    open_standard_fds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);

    double begin = now_ms();
    for (int i = optind; i < argc; i++)
        spawn(argv[i], fetch, argv[i]);
    co_join_all();
    printf("%d of %d pages, %zu bytes: %.1f s\n", pages, n, total,
           (now_ms() - begin) / 1e3);
    if (ferror(stdout))
        errx(1, "stdout: lines are lost");
    return pages == n ? 0 : 1;
}
