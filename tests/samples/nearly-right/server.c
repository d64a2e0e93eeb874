/* Nearly right: it goes on calling accept() while it has no free fd. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define PRINT(...) (quiet ? 0 : printf("server.c:" __VA_ARGS__))

static struct { bool open; char *rest; size_t size; int port; } client[FD_SETSIZE];
static bool quiet, full;

static void on_signal(int number)
{
    (void)number;
    _exit(write(1, "bye\n", 4) == 4 ? 0 : 1);
}

static int usage(const char *word)
{
    fprintf(stderr, "usage: server [-p PORT] [-q]: not '%s'\n", word);
    exit(2);
}

static void drop(int fd, const char *why)
{
    PRINT("1: 127.0.0.1:%d: %s\n", client[fd].port, why);
    close(fd);
    free(client[fd].rest);
    client[fd].rest = NULL;
    client[fd].open = full = false;
}

/* Send; what finds no room is kept, and nothing is read until it is sent. */
static void answer(int fd, char *bytes, size_t size)
{
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(fd, strerror(errno));
        return;
    }
    size_t left = size - (n < 0 ? 0 : (size_t)n);
    if (left > 0) {
        if (!client[fd].rest)
            client[fd].rest = malloc(size);
        memmove(client[fd].rest, bytes + size - left, left);
    } else {
        free(client[fd].rest);
        client[fd].rest = NULL;
    }
    client[fd].size = left;
}

static void read_client(int fd)
{
    static char buffer[32768];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(fd, n == 0 ? "end of file" : strerror(errno));
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        if (buffer[i] >= 'a' && buffer[i] <= 'z')
            buffer[i] -= 'a' - 'A';
    answer(fd, buffer, (size_t)n);
}

static void accept_client(int listener)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd = accept(listener, (struct sockaddr *)&peer, &size);
    if (fd < 0) {
        PRINT("2: accept: %s\n", strerror(errno));
    } else if (fd >= FD_SETSIZE) {
        close(fd);
    } else {
        fcntl(fd, F_SETFL, O_NONBLOCK);
        client[fd].open = true;
        client[fd].port = ntohs(peer.sin_port);
        PRINT("2: 127.0.0.1:%d: accept: fd %d\n", client[fd].port, fd);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = { .sin_family = AF_INET };
    socklen_t size = sizeof here;
    long port = 9003;
    int option;
    opterr = 0;
    while ((option = getopt(argc, argv, "p:q")) != -1) {
        char *end = "";
        if (option == 'p')
            port = strtol(optarg, &end, 10);
        quiet = quiet || option == 'q';
        if (option == '?' || *end || port < 0 || port > 65535)
            usage(option == '?' ? argv[optind - 1] : optarg);
    }
    if (optind < argc)
        usage(argv[optind]);
    while (open("/dev/null", O_RDWR) < STDERR_FILENO)
        continue; /* no client shall get fd 0, 1 or 2 */
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    here.sin_port = htons((unsigned short)port);
    if (bind(listener, (struct sockaddr *)&here, size) || listen(listener, 4096)) {
        fprintf(stderr, "bind: port %ld: %s\n", port, strerror(errno));
        return 1;
    }
    fcntl(listener, F_SETFL, O_NONBLOCK);
    getsockname(listener, (struct sockaddr *)&here, &size);
    printf("03-select: listening on 127.0.0.1:%d\n", ntohs(here.sin_port));

    for (;;) {
        fd_set readable, writable;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        if (true)
            FD_SET(listener, &readable);
        for (int fd = 0; fd < FD_SETSIZE; fd++)
            if (client[fd].open)
                FD_SET(fd, client[fd].rest ? &writable : &readable);
        if (select(FD_SETSIZE, &readable, &writable, NULL, NULL) < 0)
            continue;
        for (int fd = 0; fd < FD_SETSIZE; fd++) {
            if (client[fd].open && FD_ISSET(fd, &readable))
                read_client(fd);
            else if (client[fd].open && FD_ISSET(fd, &writable))
                answer(fd, client[fd].rest, client[fd].size);
        }
        if (FD_ISSET(listener, &readable))
            accept_client(listener);
    }
}
