/*
 * 07-threads-procs, the client: a hundred threads, each with a connection.
 *
 *     07-threads-procs/client [-p PORT] [-c CONNECTIONS] [-n MESSAGES]
 *
 * Look at talk(): connect, send, receive, check, one after the other, as
 * if there were no other connection. Whoever waits, waits alone. What threads
 * share, the counts at the end, is written under a lock.
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
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
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
    MOST = 10000,           /* connections, and as many threads */
    MOST_MESSAGES = 1000000,
    SPARE_FDS = 16,         /* stdin, stdout, stderr, some inherited */
    STACK_SIZE = 128 * 1024, /* bytes of a thread; untouched, they cost none */
    MESSAGE_SIZE = sizeof "hello 10000 1000000", /* bytes, the longest */
    TIME_LIMIT = 3,         /* seconds that a call may wait */
};

static int port = DEFAULT_PORT;
static int messages = 100;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these: */
static long answers, wrong;
static int unserved;      /* connections that did not get all their answers */
static char trouble[200]; /* what the first of them met */

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

/* This thread's connection ends here, and others may end of the same: the
   first one says why. Returns false, for whoever is asked to go on. */
static __attribute__((format(printf, 1, 2))) bool fail(const char *why, ...)
{
    va_list arguments;
    va_start(arguments, why);
    pthread_mutex_lock(&lock);
    if (unserved++ == 0)
        vsnprintf(trouble, sizeof trouble, why, arguments);
    pthread_mutex_unlock(&lock);
    va_end(arguments);
    return false;
}

/* recv() or send() returned this: 0, or -1. */
static bool fail_of(ssize_t result)
{
    if (result < 0 && errno == EAGAIN)
        return fail("no answer to anybody for %d s", TIME_LIMIT);
    return fail("the server has gone: %s",
                result == 0 ? "end of file" : strerror(errno));
}

static void count_answer(bool right)
{
    pthread_mutex_lock(&lock);
    answers++;
    wrong += !right;
    pthread_mutex_unlock(&lock);
}

static long answers_so_far(void)
{
    pthread_mutex_lock(&lock);
    long n = answers;
    pthread_mutex_unlock(&lock);
    return n;
}

/* Connect, and wait until that is done; -1 if it cannot be done. */
static int connected_socket(void)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    struct timeval timeout = { .tv_sec = TIME_LIMIT };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        fail("socket: %s", strerror(errno));
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0)
        return fd;
    fail("connect to 127.0.0.1:%d: %s; start " LESSON "/server, or name "
         "another one's port with -p", port, strerror(errno));
    close(fd);
    return -1;
}

/* a-z become A-Z. Written for the compiler's vectors: see lesson 01. */
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

/* Wait for bytes, or for the end, which is 0; -1 and EAGAIN: for so long not
   one of our threads has got an answer. */
static ssize_t receive(int fd, char *bytes, size_t size)
{
    for (;;) {
        long before = answers_so_far();
        ssize_t n = recv(fd, bytes, size, 0);
        bool patient = errno == EAGAIN && answers_so_far() != before;
        if (n >= 0 || (errno != EINTR && !patient))
            return n;
    }
}

/* One message, and its answer: so many bytes, in as many pieces as they come.
   (The notes' client takes what one recv() brings for one answer.) */
static bool exchange(int fd, int i, int j)
{
    char text[MESSAGE_SIZE], answer[MESSAGE_SIZE];
    size_t length = (size_t)snprintf(text, sizeof text, "hello %d %d", i, j);
    if (!send_all(fd, text, length))
        return fail_of(-1);
    for (size_t got = 0; got < length;) {
        ssize_t n = receive(fd, answer + got, length - got);
        if (n <= 0)
            return fail_of(n);
        got += (size_t)n;
    }
    upper(text, length);
    count_answer(memcmp(text, answer, length) == 0);
    return true;
}

/* We say no more; then the server may not either. */
static void check_end(int fd)
{
    char surplus;
    shutdown(fd, SHUT_WR);
    ssize_t n = receive(fd, &surplus, 1);
    if (n > 0)
        fail("there is more than the answers: a byte 0x%02x",
             (unsigned char)surplus);
    if (n < 0)
        fail_of(n);
}

/* One thread: a conversation from its start to its end. */
static void *talk(void *its_number)
{
    int i = *(int *)its_number, j = 0;
    int fd = connected_socket();
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

/* The one line that tells all, and one more if there is something wrong. All
   threads have ended: no lock is needed any more. */
static int sum_up(int connections, double ms)
{
    long missing = (long)connections * messages - answers;
    if (answers > 0 || unserved == 0) {
        printf("%d threads x %d messages \"hello I J\": %ld answers, ",
               connections, messages, answers);
        if (wrong == 0 && missing == 0)
            printf("all right, %.0f ms\n", ms);
        else
            printf("%ld wrong, %ld missing, %.0f ms\n", wrong, missing, ms);
        if (fflush(stdout) != 0)
            err(1, "stdout");
    }
    if (unserved > 0)
        warnx("%s%s", trouble, unserved < 2 ? "" : " (the first of several)");
    return wrong > 0 || unserved > 0;
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
    static int numbers[MOST]; /* what each thread is told: its own */
    pthread_attr_t small;
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
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_SIZE);

    double start = now_ms();
    for (int i = 0; i < connections; i++) {
        numbers[i] = i;
        int error = pthread_create(&threads[i], &small, talk, &numbers[i]);
        if (error != 0)
            errx(1, "pthread_create, number %d of %d: %s; try fewer with -c",
                 i + 1, connections, strerror(error));
    }
    for (int i = 0; i < connections; i++)
        pthread_join(threads[i], NULL);
    return sum_up(connections, now_ms() - start);
}
