/*
 * 07-threads-procs: every client has a sleeper of its own, in four ways.
 *
 *     make 07-threads-procs                   watch it play a scene
 *     07-threads-procs/server [-p PORT] [-m MODEL] [-w WORKERS] [-q]
 *
 * Look at the four models, one after the other, above main(): a thread for
 * each client, a process for each, WORKERS threads fed through a queue, and
 * WORKERS processes that share the listener. serve_client() is lesson 01's to
 * the letter: it waits in every call, but who waits is no longer everybody.
 * The notes: 事件驱动与异步IO (the first two of its models), put right.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
    MAX_FDS = 1024 * 1024,   /* we never ask for more of them */
    MAX_CHILDREN = 1024 * 1024, /* table entries; unused, they cost nothing */
    MAX_WORKERS = 10000,
    QUEUE_SIZE = 64, /* clients in the pool's queue; then main() waits, too */
};

struct client {
    int fd;
    char name[sizeof "255.255.255.255:65535"]; /* for the log */
};

static int workers = 8;
static bool quiet;

/* A log line: its place in this file, and what happened there. */
#define LOG(format, ...) \
    ((void)(quiet || printf("%s:%d: " format "\n", \
                            __FILE__, __LINE__, __VA_ARGS__)))

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

/* Listen on 127.0.0.1 and print the port. Port 0 is any free one. */
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

/* ------------------------- one client: nothing in it knows of the models */

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

/* --------------------------------------------- who comes, and who has left */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these three: */
static pthread_cond_t somebody_left = PTHREAD_COND_INITIALIZER;
static int here;  /* clients of this process */
static long left; /* those that were */

/* SIGINT, SIGTERM, SIGCHLD. The parent of processes lets them in only where
   it sleeps, in accept() or pselect(). There they interrupt nothing else, and
   so their handler may do anything, even print. Among threads there is one
   that does nothing but wait for them. */
static sigset_t signals;
static sigset_t let_in_by_accept; /* all of them, or none */

static void count_arrival(void)
{
    pthread_mutex_lock(&lock);
    here++;
    pthread_mutex_unlock(&lock);
}

static void count_departure(void)
{
    pthread_mutex_lock(&lock);
    here--;
    left++;
    pthread_cond_signal(&somebody_left);
    pthread_mutex_unlock(&lock);
}

static long departures(void)
{
    pthread_mutex_lock(&lock);
    long n = left;
    pthread_mutex_unlock(&lock);
    return n;
}

/* accept() has failed; so many had left when it was called. For want of an
   fd? The next one who leaves gives us one. Of the end of any other want, or
   if we have nobody who could leave, nobody tells us. */
static void wait_for_room(int error, long left_then)
{
    pthread_mutex_lock(&lock);
    bool untold = error != EMFILE || here == 0;
    while (!untold && left == left_then)
        pthread_cond_wait(&somebody_left, &lock);
    pthread_mutex_unlock(&lock);
    if (untold)
        sleep_ms(10); /* a nap is better than a spin */
}

/* Wait until somebody comes. What begins here is ended, in whatever thread, by
   serve_and_count() or let_go(). */
static struct client next_client(int listener)
{
    struct client c;
    struct sockaddr_in peer;
    do {
        socklen_t size = sizeof peer;
        long left_then = departures();
        LOG("accept: waiting, fd %d", listener);
        pthread_sigmask(SIG_UNBLOCK, &let_in_by_accept, NULL);
        c.fd = accept(listener, (struct sockaddr *)&peer, &size);
        int error = errno;
        pthread_sigmask(SIG_BLOCK, &let_in_by_accept, NULL);
        if (c.fd < 0 && error != EINTR && error != ECONNABORTED) {
            LOG("accept: %s", strerror(error));
            wait_for_room(error, left_then);
        }
    } while (c.fd < 0);
    count_arrival();
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    snprintf(c.name, sizeof c.name, "%s:%d", inet_ntoa(peer.sin_addr),
             ntohs(peer.sin_port));
    LOG("%s: accept: fd %d", c.name, c.fd);
    return c;
}

static void serve_and_count(struct client c)
{
    serve_client(c.fd, c.name);
    count_departure();
}

/* Not this process serves it: another one does, or nobody. */
static void let_go(struct client c)
{
    close(c.fd);
    count_departure();
}

/* ------------------------------------------- children, and how all ends */

static pid_t children[MAX_CHILDREN];
static int alive; /* so many of them */

/* Our children first, so that "bye" is the last word. (Threads end with the
   process; holding stdout's lock, none of them can print any more.) */
static _Noreturn void end_all(void)
{
    for (int i = 0; i < 100 && ftrylockfile(stdout) != 0; i++)
        sleep_ms(1); /* or never: its owner may sleep in a full pipe */
    for (int i = 0; i < alive; i++)
        kill(children[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
    _exit(write(STDOUT_FILENO, "bye\n", 4) == 4 ? 0 : 1);
}

/* A child that nobody has waited for stays in the table of processes, as a
   zombie. One SIGCHLD may stand for several of them. */
static void reap_children(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        int i = 0;
        while (i < alive && children[i] != pid)
            i++;
        if (i < alive)
            children[i] = children[--alive];
        if (WIFSIGNALED(status))
            LOG("process %d: killed, signal %d", (int)pid, WTERMSIG(status));
        else
            LOG("process %d: exit status %d", (int)pid, WEXITSTATUS(status));
    }
}

static void on_signal(int signal_number)
{
    int error = errno; /* of what we interrupt */
    if (signal_number != SIGCHLD)
        end_all();
    reap_children();
    errno = error;
}

/* Fork: 0 in the child; -1, after a word, if the system has no room for one
   more. Ctrl-C reaches children, too, but to end them is the parent's task.
   Linux does it even for a parent that is killed, for who asks; elsewhere such
   children live on. */
static pid_t start_child(void)
{
    pid_t parent = getpid(), pid = -1;
    errno = EAGAIN;
    if (alive < MAX_CHILDREN)
        pid = fork();
    if (pid < 0)
        LOG("fork: %s", strerror(errno));
    if (pid > 0)
        children[alive++] = pid;
    if (pid != 0)
        return pid;

    alive = 0;
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&let_in_by_accept);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent)
        _exit(0); /* killed before we had asked */
    return 0;
}

/* A thread that nobody joins: when it ends, all that it held is given back.
   Returns 0, or what pthread_create() says when there is no room for it. */
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

/* The thread that signals wait for; no other gets any. */
static _Noreturn void *take_signals(void *unused)
{
    int signal_number;
    (void)unused;
    for (;;)
        if (sigwait(&signals, &signal_number) == 0)
            on_signal(signal_number);
}

/* ------------------------------------------------- 1: a thread per client */

static void *serve_one(void *argument)
{
    struct client *c = argument;
    serve_and_count(*c);
    free(c);
    return NULL;
}

static void thread_per_client(int listener)
{
    for (;;) {
        struct client c = next_client(listener);
        struct client *its = malloc(sizeof *its); /* c is for the next one */
        if (its != NULL)
            *its = c;
        int error = its == NULL ? ENOMEM : start_thread(serve_one, its);
        if (error != 0) {
            LOG("%s: pthread_create: %s", c.name, strerror(error));
            free(its);
            let_go(c);
        }
    }
}

/* ------------------------------------------------ 2: a process per client */

static void process_per_client(int listener)
{
    for (;;) {
        struct client c = next_client(listener);
        if (start_child() == 0) {
            close(listener); /* its parent's business */
            LOG("%s: process %d serves it", c.name, (int)getpid());
            serve_and_count(c);
            _exit(0);
        }
        let_go(c); /* or close() over there would not end the connection */
    }
}

/* --------------------------- 3: WORKERS threads, clients come by a queue */

static struct client queue[QUEUE_SIZE];
static int first, queued; /* place in it; clients in it */
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;

static void put(struct client c)
{
    pthread_mutex_lock(&queue_lock);
    while (queued == QUEUE_SIZE)
        pthread_cond_wait(&not_full, &queue_lock);
    queue[(first + queued++) % QUEUE_SIZE] = c;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&queue_lock);
}

static struct client take(void)
{
    pthread_mutex_lock(&queue_lock);
    while (queued == 0)
        pthread_cond_wait(&not_empty, &queue_lock);
    struct client c = queue[first];
    first = (first + 1) % QUEUE_SIZE;
    queued--;
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&queue_lock);
    return c;
}

static _Noreturn void *serve_from_queue(void *unused)
{
    (void)unused;
    for (;;)
        serve_and_count(take());
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
        put(next_client(listener));
}

/* --------------------- 4: WORKERS processes, and each accepts for itself */

static void prefork(int listener)
{
    static const struct timespec nap = { .tv_sec = 1 };
    sigset_t none;
    sigemptyset(&none);
    for (;;) {
        pid_t pid = 1;
        while (alive < workers && (pid = start_child()) > 0)
            LOG("process %d: started", (int)pid);
        while (pid == 0) {
            struct client c = next_client(listener);
            LOG("%s: process %d serves it", c.name, (int)getpid());
            serve_and_count(c);
        }
        pselect(0, NULL, NULL, NULL, alive < workers ? &nap : NULL,
                &none); /* one who could not be started is tried again */
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

static const struct model *model_named(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    errx(2, "'%s' is no model\n%s", name, USAGE);
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
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    action.sa_mask = signals;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    if (threads && start_thread(take_signals, NULL) != 0)
        errx(1, "pthread_create: no room for a single thread");
    sigemptyset(&let_in_by_accept);
    if (!threads)
        let_in_by_accept = signals;
}

int main(int argc, char **argv)
{
    int port = DEFAULT_PORT;
    const struct model *model = &models[0];
    int option;
    while ((option = getopt(argc, argv, "p:m:w:q")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 0, 65535); break;
        case 'm': model = model_named(optarg); break;
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
