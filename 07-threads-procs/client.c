/*
 * 07-threads-procs, the client: a hundred threads, each with a connection.
 *
 *     07-threads-procs/client [-p PORT] [-c CONNECTIONS] [-n MESSAGES]
 *
 * Look at send_messages(): connect, send, receive, check, one after the other,
 * as if there were no other connection. Each call blocks only its own thread.
 * The threads share the counts, and a lock protects them.
 * The notes: 测试客户端 (100 threads, 100 messages each), put right.
 *
 *     100 threads x 100 messages "hello I J": 10000 answers, all right, 71 ms
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LESSON "07-threads-procs"
#define USAGE "usage: " LESSON "/client [-p PORT (9007)] " \
              "[-c CONNECTIONS (100)] [-n MESSAGES of each (100)]"

enum {
    DEFAULT_PORT = 9007,
    MOST = 10000,            /* connections, and as many threads */
    MOST_MESSAGES = 1000000,
    SPARE_FDS = 16,          /* stdin, stdout, stderr, inherited ones */
    STACK_SIZE = 128 * 1024, /* bytes of a thread; untouched, they cost none */
    MESSAGE_SIZE = sizeof "hello 10000 1000000", /* bytes, the longest */
    TIME_LIMIT = 3,          /* seconds without an answer on any connection */
};

static int port = DEFAULT_PORT;
static int messages = 100;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these: */
static long answers, wrong;
static int failed;            /* connections that ended too early */
static char first_error[200]; /* of the first of them */

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* Raise the limit of open files so far that all connections fit. */
static void make_room_for(int count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < (rlim_t)count + SPARE_FDS)
        limit.rlim_cur = (rlim_t)count + SPARE_FDS;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        errx(1, "%d connections and %d other fds do not fit below the hard "
             "limit, %lld (ulimit -Hn); try fewer with -c", count,
             SPARE_FDS, (long long)limit.rlim_max);
}

/* This thread's connection has failed. Other ones may fail for the same
   reason: keep the first message. The arguments are evaluated under the lock,
   because strerror() has one buffer for all threads on some systems. */
#define FAIL(...) \
    (pthread_mutex_lock(&lock), \
     (void)(failed++ || \
            snprintf(first_error, sizeof first_error, __VA_ARGS__)), \
     pthread_mutex_unlock(&lock))

/* recv() returned 0 or -1, or send() returned -1: the connection has ended. */
static void connection_failed(ssize_t result)
{
    if (result < 0 && errno == EAGAIN)
        FAIL("no connection got an answer for %d s", TIME_LIMIT);
    else
        FAIL("the server has gone: %s",
             result == 0 ? "end of file" : strerror(errno));
}

static void count_answer(bool right)
{
    pthread_mutex_lock(&lock);
    answers++;
    wrong += !right;
    pthread_mutex_unlock(&lock);
}

static long answer_count(void)
{
    pthread_mutex_lock(&lock);
    long n = answers;
    pthread_mutex_unlock(&lock);
    return n;
}

/* A signal has interrupted connect(). The kernel connects all the same: wait
   until the socket is writable; then getsockopt() writes the result into errno
   (Stevens, UNIX Network Programming, 5.9). */
static bool finish_connect(int fd)
{
    struct pollfd writable = { .fd = fd, .events = POLLOUT };
    while (poll(&writable, 1, -1) < 0 && errno == EINTR)
        continue;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &(socklen_t){ sizeof errno });
    return errno == 0;
}

/* Connect to the server; block until the connection is there. Returns the
   socket, or -1. */
static int try_to_connect(void)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    struct timeval timeout = { .tv_sec = TIME_LIMIT };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        FAIL("socket: %s", strerror(errno));
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0 ||
        (errno == EINTR && finish_connect(fd)))
        return fd;
    FAIL("connect to 127.0.0.1:%d: %s; start " LESSON "/server, "
         "or give another server's port with -p", port, strerror(errno));
    close(fd);
    return -1;
}

/* a-z become A-Z. There is no "if" in it, so the compiler can change many
   bytes at once: see lesson 01. */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

/* Send all bytes. send() blocks until there is room, and a signal may still
   stop it half-way. Returns false, with errno, when the connection is gone. */
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

/* Receive; block until there are bytes or the end, which is 0. Returns -1 with
   EAGAIN if no connection got an answer for TIME_LIMIT seconds. */
static ssize_t receive(int fd, char *bytes, size_t size)
{
    for (;;) {
        long answers_before = answer_count();
        ssize_t n = recv(fd, bytes, size, 0);
        if (n >= 0)
            return n;
        bool progress = errno == EAGAIN && answer_count() > answers_before;
        if (errno != EINTR && !progress)
            return -1;
    }
}

/* Send one message and receive its answer: as many bytes, in as many pieces as
   they arrive in. (The notes' client takes what one recv() returns for one
   answer.) Returns false when the connection is gone. */
static bool exchange(int fd, int i, int j)
{
    char text[MESSAGE_SIZE], answer[MESSAGE_SIZE];
    size_t length = (size_t)snprintf(text, sizeof text, "hello %d %d", i, j);
    ssize_t n = send_all(fd, text, length) ? 1 : -1;
    for (size_t got = 0; n > 0 && got < length;) {
        n = receive(fd, answer + got, length - got);
        got += n > 0 ? (size_t)n : 0;
    }
    if (n <= 0) {
        connection_failed(n);
        return false;
    }
    upper(text, length);
    count_answer(memcmp(text, answer, length) == 0);
    return true;
}

/* After the last answer: half-close, and the server must close without another
   byte. */
static void check_end(int fd)
{
    char byte;
    shutdown(fd, SHUT_WR);
    ssize_t n = receive(fd, &byte, 1);
    if (n > 0)
        FAIL("the server sent more than the answers: a byte 0x%02x",
             (unsigned char)byte);
    if (n < 0)
        connection_failed(n);
}

/* One thread: one connection from its start to its end. */
static void *send_messages(void *number)
{
    int i = *(int *)number, j = 0;
    int fd = try_to_connect();
    if (fd < 0)
        return NULL;
    while (j < messages && exchange(fd, i, j))
        j++;
    if (j == messages)
        check_end(fd);
    close(fd);
    return NULL;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Print the result; and on stderr the first error, if there was one. All
   threads have ended, so this needs no lock. Returns the exit status. */
static int print_result(int connections, double ms)
{
    long missing = (long)connections * messages - answers;
    if (answers > 0 || failed == 0) {
        printf("%d threads x %d messages \"hello I J\": %ld answers, ",
               connections, messages, answers);
        if (wrong == 0 && missing == 0)
            printf("all right, %.0f ms\n", ms);
        else
            printf("%ld wrong, %ld missing, %.0f ms\n", wrong, missing, ms);
        if (fflush(stdout) != 0)
            err(1, "stdout");
    }
    if (failed > 0)
        warnx("%s%s", first_error, failed < 2 ? "" :
              " (the first of several)");
    return wrong > 0 || failed > 0;
}

/* An option's number, from LEAST to MOST. */
static int parse_number(const char *text, int least, int most)
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
    static pthread_t threads[MOST];
    static int numbers[MOST]; /* one for each thread */
    pthread_attr_t attributes;
    int connections = 100;
    int option;
    while ((option = getopt(argc, argv, "p:c:n:")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 1, 65535); break;
        case 'c': connections = parse_number(optarg, 1, MOST); break;
        case 'n': messages = parse_number(optarg, 1, MOST_MESSAGES); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    make_room_for(connections);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);

    double start = now_ms();
    for (int i = 0; i < connections; i++) {
        numbers[i] = i;
        int error = pthread_create(&threads[i], &attributes, send_messages,
                                   &numbers[i]);
        if (error != 0)
            errx(1, "pthread_create, number %d of %d: %s; try fewer with -c",
                 i + 1, connections, strerror(error));
    }
    for (int i = 0; i < connections; i++)
        pthread_join(threads[i], NULL);
    return print_result(connections, now_ms() - start);
}
