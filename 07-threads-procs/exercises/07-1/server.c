/*
 * 07-threads-procs: a thread or a process for each client, in four models.
 *
 *     make 07-threads-procs                   watch it play a scene
 *     07-threads-procs/server [-p PORT] [-m MODEL] [-w WORKERS] [-q]
 *
 * Look at the four models above main(): a thread for each client; a process
 * for each client; WORKERS threads that get their clients from a queue;
 * WORKERS processes that share the listener. serve_client() is the same as in
 * lesson 01: its calls block, but only this client's thread or process.
 * The notes: 事件驱动与异步IO (the first two of its models), put right.
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
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LESSON "07-threads-procs"
#define USAGE "usage: " LESSON "/server [-p PORT (9007; 0: any free)]\n" \
              "  [-m thread|process|pool|prefork (thread)] " \
              "[-w WORKERS of pool or prefork (8)] [-q (no log)]"

enum {
    DEFAULT_PORT = 9007,
    BACKLOG = 4096, /* clients that may wait for accept(); the kernel has a
                       limit of its own, net.core.somaxconn on Linux */
    BUFFER_SIZE = 64 * 1024, /* bytes: the most that one read takes */
    STACK_SIZE = 128 * 1024, /* bytes of a thread; untouched, they cost none */
    MAX_FDS = 1024 * 1024,   /* the server never asks for more of them */
    MAX_CHILDREN = 1024 * 1024, /* table entries; unused, they cost nothing */
    MAX_WORKERS = 10000,
    QUEUE_SIZE = 64, /* clients of the pool; then the backlog fills */
};

struct client {
    int fd;
    char name[sizeof "255.255.255.255:65535"]; /* for the log */
};

static int workers = 8;
static bool quiet;

/* A log line: its place in this file, and what happened there. The threads
   share stdout and, on some systems, the buffer of strerror(): a thread holds
   the lock of stdout while it uses them. */
#define LOG(format, ...) \
    ((void)(quiet || (flockfile(stdout), \
                      printf("%s:%d: " format "\n", \
                             __FILE__, __LINE__, __VA_ARGS__), \
                      funlockfile(stdout), 0)))

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* usleep() is not in POSIX any more. */
static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
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

/* Raise the limit of open files to the hard limit; 1,024 is only a default. */
static void raise_fd_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < MAX_FDS ? limit.rlim_max : MAX_FDS;
    while (setrlimit(RLIMIT_NOFILE, &limit) < 0 && limit.rlim_cur > 1024)
        limit.rlim_cur /= 2; /* macOS allows less than its hard limit */
}

/* -------------------------------- one client: the same in all four models */

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

/* Serve one client from its first byte to its last. */
static void serve_client(int fd, const char *name)
{
    char buffer[BUFFER_SIZE];

    for (;;) {
        LOG("%s: recv: waiting", name);
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            LOG("%s: recv: %s", name, strerror(errno));
        else
            LOG("%s: recv: %zd bytes%s", name, n,
                n == 0 ? " (end of file)" : "");
        if (n <= 0)
            break;
        upper(buffer, (size_t)n);
        if (!send_all(fd, buffer, (size_t)n)) {
            LOG("%s: send: %s", name, strerror(errno));
            break;
        }
        LOG("%s: send: %zd bytes", name, n);
    }
    LOG("%s: close", name);
    close(fd);
}

/* ------------------------------------------- accept clients and count them */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these two: */
static pthread_cond_t client_closed = PTHREAD_COND_INITIALIZER;
static int client_count; /* clients that this process has open */

static sigset_t end_signals;  /* SIGINT, SIGTERM */
static sigset_t child_signal; /* SIGCHLD: see reap_children() */

/* CHANGE is 1 after accept(), -1 after close(). Returns the new count. */
static int count_client(int change)
{
    pthread_mutex_lock(&lock);
    int count = client_count += change;
    pthread_cond_signal(&client_closed);
    pthread_mutex_unlock(&lock);
    return count;
}

/* accept() failed, and COUNT clients were open before it. EMFILE: the process
   has no free fd; wait until one of them closes. Otherwise sleep 10 ms. */
static void wait_for_fd(int error, int count)
{
    pthread_mutex_lock(&lock);
    while (error == EMFILE && count > 0 && client_count == count)
        pthread_cond_wait(&client_closed, &lock);
    pthread_mutex_unlock(&lock);
    if (error != EMFILE || count == 0)
        sleep_ms(10);
}

/* Block until there is a client, and accept it. serve_and_free() or
   drop_client() frees the result. */
static struct client *next_client(int listener)
{
    struct client *c;
    struct sockaddr_in peer = { .sin_port = 0 };
    while ((c = malloc(sizeof *c)) == NULL)
        sleep_ms(10);
    do {
        socklen_t size = sizeof peer;
        int count = count_client(0);
        LOG("accept: waiting, fd %d", listener);
        pthread_sigmask(SIG_UNBLOCK, &child_signal, NULL);
        c->fd = accept(listener, (struct sockaddr *)&peer, &size);
        int error = errno;
        pthread_sigmask(SIG_BLOCK, &child_signal, NULL);
        if (c->fd < 0 && error != EINTR && error != ECONNABORTED) {
            LOG("accept: %s", strerror(error));
            wait_for_fd(error, count);
        }
    } while (c->fd < 0);
    count_client(1);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    snprintf(c->name, sizeof c->name, "%s:%d", inet_ntoa(peer.sin_addr),
             ntohs(peer.sin_port));
    LOG("%s: accept: fd %d", c->name, c->fd);
    return c;
}

static void *serve_and_free(void *client)
{
    struct client *c = client;
    serve_client(c->fd, c->name);
    count_client(-1);
    free(c);
    return NULL;
}

/* Close a client that this process does not serve. */
static void drop_client(struct client *c)
{
    close(c->fd);
    count_client(-1);
    free(c);
}

/* ----------------------------------------------------- children, the end */

static pid_t children[MAX_CHILDREN]; /* that the parent has not reaped yet */
static int child_count;

/* SIGINT and SIGTERM. The kernel frees all sockets and memory when the process
   ends, so the handler may interrupt anything; it calls only functions that
   are safe in a handler (signal-safety(7)). If the log is a full pipe that
   nobody reads, write() would block: then poll() returns 0, and the process
   ends without "bye". */
static void say_bye(int signal_number)
{
    struct pollfd log = { .fd = STDOUT_FILENO, .events = POLLOUT };
    (void)signal_number;
    if (poll(&log, 1, 0) == 1 && write(STDOUT_FILENO, "bye\n", 4) < 4)
        _exit(1);
    _exit(0);
}

/* SIGINT and SIGTERM in the parent of processes. It ends its children first,
   so "bye" is the last line. */
static void end_children(int signal_number)
{
    sigprocmask(SIG_BLOCK, &end_signals, NULL);
    signal(SIGCHLD, SIG_DFL); /* no log any more */
    for (int i = 0; i < child_count; i++)
        kill(children[i], SIGKILL);
    while (wait(NULL) > 0)
        continue;
    say_bye(signal_number);
}

/* SIGINT and SIGTERM among threads: this thread waits for them, all others
   block them. It holds the lock of stdout, so no thread writes after "bye".
   If the log is a full pipe, a thread sleeps in write() and never unlocks. */
static _Noreturn void *wait_for_end(void *unused)
{
    int signal_number;
    (void)unused;
    while (sigwait(&end_signals, &signal_number) != 0)
        continue;
    for (int ms = 0; ms < 200; ms++, sleep_ms(1))
        if (ftrylockfile(stdout) == 0)
            say_bye(signal_number);
    _exit(0);
}

/* Reap a child that has ended. Its pid is free then, and a new process may get
   it: no signal may call end_children() before the pid has left the table. */
static pid_t reap_child(int *status)
{
    int i = 0;
    sigprocmask(SIG_BLOCK, &end_signals, NULL);
    pid_t pid = waitpid(-1, status, WNOHANG);
    while (i < child_count && children[i] != pid)
        i++;
    if (i < child_count)
        children[i] = children[--child_count];
    sigprocmask(SIG_UNBLOCK, &end_signals, NULL);
    return pid;
}

/* SIGCHLD: one or several children have ended. They stay zombies until the
   parent reaps them. SIGCHLD is blocked except while the parent sleeps in
   accept() or pselect(); so this handler may call printf(). */
static void reap_children(int signal_number)
{
    int status, error = errno; /* of the call that the signal interrupted */
    (void)signal_number;
    for (pid_t pid; (pid = reap_child(&status)) > 0;)
        if (WIFSIGNALED(status))
            LOG("process %d: killed, signal %d", (int)pid, WTERMSIG(status));
        else
            LOG("process %d: exit status %d", (int)pid, WEXITSTATUS(status));
    errno = error;
}

/* fork(): returns 0 in the child, and -1 if the system has no room for another
   process. Ctrl-C reaches the child, too, but only the parent ends it. If the
   parent is killed, Linux kills the child; on other systems it lives on. */
static pid_t start_child(void)
{
    pid_t parent = getpid(), pid = -1;
    sigprocmask(SIG_BLOCK, &end_signals, NULL); /* until it is in the table */
    errno = EAGAIN;
    if (child_count < MAX_CHILDREN)
        pid = fork();
    int error = errno;
    if (pid > 0)
        children[child_count++] = pid;
    if (pid == 0) {
        child_count = 0;
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_DFL);
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        if (getppid() != parent)
            _exit(0); /* the parent ended before prctl() */
    }
    sigprocmask(SIG_UNBLOCK, &end_signals, NULL);
    if (pid < 0)
        LOG("fork: %s", strerror(error));
    return pid;
}

/* Start a detached thread: nobody joins it, and when it ends, the system takes
   back its stack. Returns 0 or the error of pthread_create(). */
static int start_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, body, argument);
    pthread_attr_destroy(&attributes);
    return error;
}

/* ------------------------------------------------- 1: a thread per client */

static void thread_per_client(int listener)
{
    for (;;) {
        struct client *c = next_client(listener);
        int error = start_thread(serve_and_free, c);
        if (error != 0) {
            LOG("%s: pthread_create: %s", c->name, strerror(error));
            drop_client(c);
        }
    }
}

/* ------------------------------------------------ 2: a process per client */

static void process_per_client(int listener)
{
    for (;;) {
        struct client *c = next_client(listener);
        if (start_child() == 0) {
            close(listener); /* only the parent accepts */
            LOG("%s: process %d serves it", c->name, (int)getpid());
            serve_and_free(c);
            _exit(0);
        }
        drop_client(c); /* or the child's close() would not end it */
    }
}

/* --------------------------------------- 3: WORKERS threads, and a queue */

static struct client *queue[QUEUE_SIZE];
static int first, queued; /* index of the first one; how many */
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;

static void enqueue(struct client *c)
{
    (void)queue, (void)first, (void)queued, (void)queue_lock;
    (void)not_empty, (void)not_full;
    static int todo = 1; /* TODO 07-1: your lines, in place of these */
    if (todo && !quiet)
        warnx("TODO 07-1: "
              "wait while the queue is full, put c in, wake a worker");
    todo = 0;
    drop_client(c);
}

static struct client *dequeue(void)
{
    static int todo = 1; /* TODO 07-1: your lines, in place of these */
    if (todo && !quiet)
        warnx("TODO 07-1: "
              "wait while the queue is empty, take a client out");
    todo = 0;
    for (;;)
        pause();
    return NULL;
}

static _Noreturn void *serve_from_queue(void *unused)
{
    (void)unused;
    for (;;)
        serve_and_free(dequeue());
}

static void thread_pool(int listener)
{
    for (int i = 0; i < workers; i++) {
        int error = start_thread(serve_from_queue, NULL);
        if (error != 0)
            errx(1, "pthread_create, worker %d of %d: %s; try fewer with -w",
                 i + 1, workers, strerror(error));
    }
    for (;;)
        enqueue(next_client(listener));
}

/* ---------------------------- 4: WORKERS processes, and each one accepts */

static void prefork(int listener)
{
    static const struct timespec retry = { .tv_sec = 1 };
    sigset_t none;
    sigemptyset(&none);
    for (;;) {
        pid_t pid = 1;
        while (child_count < workers && (pid = start_child()) > 0)
            LOG("process %d: started", (int)pid);
        while (pid == 0) {
            struct client *c = next_client(listener);
            LOG("%s: process %d serves it", c->name, (int)getpid());
            serve_and_free(c);
        }
        /* Sleep until a worker ends; or 1 s, if fork() has failed. */
        pselect(0, NULL, NULL, NULL, child_count < workers ? &retry : NULL,
                &none);
    }
}

/* ------------------------------------------------------------------------ */

static const struct model {
    const char *name;
    void (*run)(int listener);
    bool threads;
} models[] = {
    { "thread", thread_per_client, true },
    { "process", process_per_client, false },
    { "pool", thread_pool, true },
    { "prefork", prefork, false },
};

static const struct model *find_model(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    errx(2, "there is no model '%s'\n%s", name, USAGE);
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

static void set_up_signals(bool threads)
{
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    sigemptyset(&end_signals);
    sigaddset(&end_signals, SIGINT);
    sigaddset(&end_signals, SIGTERM);
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    if (threads) {
        pthread_sigmask(SIG_BLOCK, &end_signals, NULL);
        if (start_thread(wait_for_end, NULL) != 0)
            errx(1, "pthread_create: no room for a thread");
        return;
    }

    signal(SIGINT, end_children);
    signal(SIGTERM, end_children);
    signal(SIGCHLD, reap_children);
    sigprocmask(SIG_BLOCK, &child_signal, NULL);
}

int main(int argc, char **argv)
{
    int port = DEFAULT_PORT;
    const struct model *model = &models[0];
    int option;
    while ((option = getopt(argc, argv, "p:m:w:q")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 0, 65535); break;
        case 'm': model = find_model(optarg); break;
        case 'w': workers = parse_number(optarg, 1, MAX_WORKERS); break;
        case 'q': quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    raise_fd_limit();
    set_up_signals(model->threads);
    model->run(listen_on(port));
}
