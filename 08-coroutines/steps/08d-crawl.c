/*
 * 08d-crawl: the same function, fetching pages one by one, and all at once.
 *
 *     make 08d
 *     08-coroutines/steps/08d-crawl [-s SECONDS (0.2)] [-o FILE] [URL ...]
 *
 * fetch() is plain code: connect(), send(), recv(). To run it in coroutines
 * changes nothing: it never says that it waits, so they go one by one. With
 * the patch it does: the linker takes a function that we define ourselves,
 * before the C library's, and ours let the others on. (monkey.patch_all()
 * replaces Python's functions in the same way, and no others: whatever calls
 * the system by itself still stops all, as getaddrinfo() does here.)
 * Without URLs, a slow server is started: each page takes it one second. FILE
 * is what the last page is saved in.
 * The notes: 并发爬网页, 三.gevent.
 *
 *     --- one after the other
 *     GET: http://127.0.0.1:36291/3000
 *     3000 bytes received from http://127.0.0.1:36291/3000
 *     ...
 *     --- 3 pages: 3.0 s
 *     --- in coroutines
 *     ...
 *     --- 3 pages: 3.0 s
 *     --- in coroutines, patched
 *     GET: http://127.0.0.1:36291/3000
 *     GET: http://127.0.0.1:36291/6000
 *     ...
 *     --- 3 pages: 1.0 s
 */
#include "../co.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_SIZE_MAX = 4 * 1024 * 1024, URL_MAX = 256 };

static double second = 0.2;
static const char *file; /* to save a page in; NULL: none */

/* --- the patch. What the module itself calls ends here as well, and says by a
   flag that it must not wait. Then, and unpatched, we ask the kernel under
   another name, as recv() is now ours. */

static bool patched;

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    if (patched && !(flags & MSG_DONTWAIT))
        return co_recv(fd, bytes, size, flags);
    return recvfrom(fd, bytes, size, flags, NULL, NULL);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    if (patched && !(flags & MSG_DONTWAIT))
        return co_send(fd, bytes, size, flags);
    return sendto(fd, bytes, size, flags, NULL, 0);
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    if (patched && !(fcntl(fd, F_GETFL) & O_NONBLOCK))
        return co_connect(fd, address, size);
    return (int)syscall(SYS_connect, fd, address, size);
}

int close(int fd)
{
    static bool within; /* co_close() */
    if (!patched || within)
        return (int)syscall(SYS_close, fd);
    within = true;
    int result = co_close(fd);
    within = false;
    return result;
}

/* --- plain code, as if there were no coroutines */

static int dial(const char *host, const char *port)
{
    struct addrinfo *all, hints = { .ai_family = AF_INET,
                                    .ai_socktype = SOCK_STREAM };
    int error = getaddrinfo(host, port, &hints, &all), fd = -1;
    if (error != 0)
        warnx("%s: %s", host, gai_strerror(error));
    for (struct addrinfo *a = all; error == 0 && a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) == 0)
            continue;
        warn("%s:%s: connect", host, port);
        close(fd);
        fd = -1;
    }
    if (error == 0)
        freeaddrinfo(all);
    return fd;
}

/* Files never make anybody wait, says poll(2); they do, and nobody else runs
   meanwhile. */
static void save(const char *bytes, size_t size)
{
    FILE *out = fopen(file, "wb");
    size_t written = out ? fwrite(bytes, 1, size, out) : 0;
    if (out == NULL || fclose(out) != 0 || written != size)
        warn("%s", file);
}

/* The value of a line of the head, or NULL. */
static char *value_of(const char *name, char *head, const char *end)
{
    size_t length = strlen(name);
    for (char *at = head; (at = strstr(at, "\r\n")) != NULL && at < end;)
        if (strncasecmp(at += 2, name, length) == 0)
            return at + length;
    return NULL;
}

/* Chunks (each a size in hex, a line's end, so many bytes, a line's end; the
   last one is empty) become the page, in its place. False: cut off. */
static bool join_chunks(char *bytes, size_t size, size_t *joined)
{
    char *at = bytes, *end = bytes + size, *data;
    for (*joined = 0; (data = memchr(at, '\n', (size_t)(end - at))) != NULL;) {
        size_t length = strtoul(at, NULL, 16);
        if (length == 0)
            return *at == '0';
        if (length > (size_t)(end - ++data))
            return false;
        memmove(bytes + *joined, data, length);
        *joined += length;
        at = data + length;
        at += end - at >= 2 ? 2 : end - at;
    }
    return false;
}

/* What has come, all of it, SIZE bytes: print how many are the page. */
static void judge(const char *url, char *answer, size_t size)
{
    answer[size] = '\0';
    char *body = strstr(answer, "\r\n\r\n");
    char *length = body ? value_of("Content-Length:", answer, body) : NULL;
    int status = 0;
    if (sscanf(answer, "HTTP/%*s %d", &status) != 1 || body == NULL)
        warnx("%s: no answer of HTTP", url);
    else if (status != 200)
        warnx("%s: status %d", url, status);
    else {
        size_t got = size - (size_t)(body + 4 - answer), joined;
        if (value_of("Transfer-Encoding: chunked", answer, body)) {
            if (!join_chunks(body + 4, got, &joined)) {
                warnx("%s: cut off in its chunks", url);
                return;
            }
            got = joined;
            length = NULL;
        }
        size_t due = length ? strtoul(length, NULL, 10) : got;
        if (got != due) {
            warnx("%s: cut off, %zu of %zu bytes", url, got, due);
            return;
        }
        printf("%zu bytes received from %s\n", got, url);
        if (file != NULL)
            save(body + 4, got);
    }
}

static void *fetch(void *url)
{
    char host[URL_MAX], port[6] = "80", path[URL_MAX] = "/", request[1024];
    printf("GET: %s\n", (char *)url);
    if (sscanf(url, "http://%255[^:/]:%5[0-9]%255s", host, port, path) < 2 &&
        sscanf(url, "http://%255[^:/]%255s", host, path) < 1) {
        warnx("%s: not http://HOST[:PORT][/PATH]", (char *)url);
        return NULL;
    }
    int fd = dial(host, port);
    char *answer = malloc(PAGE_SIZE_MAX + 1);
    size_t size = 0;
    ssize_t n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n"
                         "Host: %s\r\n\r\n", path, host);
    if (fd >= 0 && answer != NULL && send(fd, request, (size_t)n, 0) == n) {
        while (size < PAGE_SIZE_MAX &&
               (n = recv(fd, answer + size, PAGE_SIZE_MAX - size, 0)) > 0)
            size += (size_t)n;
        if (n < 0)
            warn("%s: recv", (char *)url);
        judge(url, answer, size);
    }
    if (fd >= 0)
        close(fd);
    free(answer);
    return NULL;
}

/* --- the slow server: /N are N bytes, /N/cut breaks off half-way,
   /N/chunks comes in chunks of 1000 bytes, /N/broken in too few of them */

static void serve_slowly(int listener)
{
    static char request[1024], page[1024];
    signal(SIGCHLD, SIG_IGN);
    alarm(60); /* whatever becomes of our parent */
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && fork() == 0) {
            char how[8] = "";
            int size = 0;
            ssize_t n = recv(fd, request, sizeof request - 1, 0);
            sscanf(request, "GET /%d/%7[a-z]", &size, how);
            usleep((useconds_t)(second * 1e6));
            bool chunks = *how == 'c' && how[1] == 'h', broken = *how == 'b';
            n = chunks || broken ?
                snprintf(page, sizeof page, "HTTP/1.0 200 OK\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n") :
                snprintf(page, sizeof page, "HTTP/1.0 200 OK\r\n"
                         "Content-Length: %d\r\n\r\n", size);
            send(fd, page, (size_t)n, 0);
            memset(page, 'x', sizeof page);
            int left = *how && !chunks ? size / 2 : size;
            for (n = 0; left > 0 && n >= 0; left -= (int)n) {
                size_t most = left < 1000 ? (size_t)left : 1000;
                if (chunks || broken)
                    dprintf(fd, "%zx\r\n", most);
                n = send(fd, page, most, 0);
                if (chunks || broken)
                    dprintf(fd, "\r\n");
            }
            if (chunks)
                dprintf(fd, "0\r\n\r\n");
            _exit(0);
        }
        close(fd);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void crawl(const char *title, bool coroutines, char **urls, int n)
{
    double begin = now();
    printf("--- %s\n", title);
    for (int i = 0; i < n; i++)
        if (!coroutines)
            fetch(urls[i]);
        else if (co_spawn(urls[i], fetch, urls[i]) == NULL)
            warn("co_spawn");
    co_join_all();
    printf("--- %d pages: %.1f s\n", n, (now() - begin) / second);
}

int main(int argc, char **argv)
{
    static char ours[8][URL_MAX];
    char *urls[8];
    int option;
    while ((option = getopt(argc, argv, "s:o:")) != -1)
        if (option == 'o')
            file = optarg;
        else if (option != 's' || (second = atof(optarg)) <= 0)
            errx(2, "usage: %s [-s SECONDS (0.2)] [-o FILE] [http://URL ...]",
                 argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);

    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    pid_t child = 0;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, size) < 0 ||
        listen(listener, SOMAXCONN) < 0 ||
        getsockname(listener, (struct sockaddr *)&a, &size) < 0)
        err(1, "a listener");
    if (optind == argc && (child = fork()) == 0)
        serve_slowly(listener);
    close(listener);
    if (child < 0)
        err(1, "fork");
    for (int i = 0; i < 4; i++)
        snprintf(ours[i], URL_MAX, "http://127.0.0.1:%d/%d000%s",
                 ntohs(a.sin_port), 3 * i + 3, i == 3 ? "/cut" : "");
    strcpy(ours[4], "http://127.0.0.1:1/refused");
    snprintf(ours[5], URL_MAX, "http://localhost:%d/15000/chunks",
             ntohs(a.sin_port));
    snprintf(ours[6], URL_MAX, "http://localhost:%d/18000/broken",
             ntohs(a.sin_port));
    strcpy(ours[7], "http://no..such..name/"); /* not worth a question */
    for (int i = 0; i < 8; i++)
        urls[i] = ours[i];
    char **pages = child ? urls : argv + optind;
    int n = child ? 3 : argc - optind;

    crawl("one after the other", false, pages, n);
    crawl("in coroutines", true, pages, n);
    patched = true;
    crawl("in coroutines, patched", true, pages, n);
    if (child)
        crawl("and with four in trouble", true, pages, 8);
    if (child)
        kill(child, SIGKILL);
}
