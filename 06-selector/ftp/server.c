/*
 * ftp/server: an FTP server for many users in one thread (the homework).
 *
 *     06-selector/ftp/server [-p PORT] [-r ROOT] [-u NAME:PASSWORD]... [-a]
 *                            [-t SECONDS] [-b BACKEND] [-q]
 *
 *     06-selector/ftp/server -u tom:secret          in one terminal, and
 *     curl -u tom:secret ftp://127.0.0.1:2121/      in another
 *
 * Look at main(): the loop is the one of 06-selector/server.c, and it also
 * wakes up for deadlines. The rest is in modules. Each one includes only
 * modules below it, and calls a function above it only through a pointer:
 *
 *     server      this file: options, listener, loop
 *     dispatch    from a line to a command
 *     commands    the table of commands: what each one does to a session
 *     session     a client: its lines, replies, data connection and deadline
 *     lines       the bytes from a client, as lines
 *     replies     the bytes to a client
 *     data        the data connection: a port, then a transfer
 *     transfer    a file or a list through a socket, chunk by chunk
 *     listing     the lines of a list
 *     tree        the files below ROOT
 *     accounts    names and passwords
 *     deadline    when the loop must wake up
 *     log         a line for each event
 *     text        control characters, which must not reach a terminal
 *
 * Left out on purpose: PORT, which makes a server connect to any host;
 * encryption, so everybody on the network can read the passwords; wildcards.
 * The notes: 作业, SELECT版FTP.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../selector.h"
#include "accounts.h"
#include "deadline.h"
#include "dispatch.h"
#include "log.h"
#include "session.h"
#include "tree.h"

#define LESSON "06-selector/ftp"
#define DEFAULT_ROOT "build/ftp"
#define USAGE "usage: " LESSON "/server [-p PORT (2121; 0: any free)] " \
              "[-r ROOT (" DEFAULT_ROOT ")]\n" \
              "       [-u NAME:PASSWORD]... [-a (anonymous may read)]\n" \
              "       [-t SECONDS (300; close a session that is idle so " \
              "long)]\n" \
              "       [-b epoll|kqueue|poll|select] [-q (no log)]"

enum {
    DEFAULT_PORT = 2121,
    BACKLOG = 4096,        /* clients that may wait for accept(); the kernel
                              has a limit of its own, net.core.somaxconn */
    IDLE_TIME = 300,       /* seconds without a command, or without a byte */
    DATA_TIME = 30,        /* seconds for a client to open its data connection;
                              -t, if that is less */
    LOGIN_TIME = 60,       /* seconds for a client to log in; -t, likewise */
    OUT_OF_FDS_TIME = 1000, /* ms before the next accept() */
    OTHER_ERROR_TIME = 10, /* ms before it, after another error */
    MAX_FDS = 1024 * 1024, /* the server asks for no more */
};

struct options {
    const char *backend; /* NULL: the best */
    const char *root;    /* NULL: the default */
    int port;
    int idle;            /* seconds */
};

static void on_free_fd(void);

static struct settings settings = {
    .wait = dispatch_wait,
    .run = dispatch_run,
    .on_free_fd = on_free_fd,
};
static int64_t out_of_fds_until; /* ms, as now_ms(); 0: there are free fds */
static int signal_pipe[2]; /* a signal handler writes, the loop reads */
static int null_fd;        /* /dev/null: a handler may find no free fd */

/* SIGINT and SIGTERM. The server must remove incomplete uploads, and a signal
   handler may not do that. A byte in a pipe makes the signal an event. If the
   log is a full pipe that nobody reads, the server may sleep in write(): from
   now on it writes to /dev/null. signal-safety(7) allows all these calls. */
static void on_signal(int signal_number)
{
    struct pollfd log = { .fd = STDOUT_FILENO, .events = POLLOUT };
    int reason = errno;
    (void)signal_number;
    (void)!write(signal_pipe[1], "", 1); /* a full pipe has bytes enough */
    if (poll(&log, 1, 0) == 0)
        dup2(null_fd, STDOUT_FILENO);
    errno = reason;
}

static void end_server(const struct selector_key *key, int ready)
{
    (void)key;
    (void)ready;
    session_end_all();
    selector_close(settings.selector);
    printf("bye\n");
    exit(0);
}

/* ----------------------------------------------------------- the listener */

/* A session has closed an fd: now accept() may find a free one. */
static void on_free_fd(void)
{
    out_of_fds_until = 0;
}

/* accept() has failed, and the client stays in the backlog: the listener stays
   readable, and a loop that watches it would spin. Do not watch it until a
   session frees an fd. Other processes may have the fds, so try again after a
   second; after any other error, soon. */
static void pause_accept(void)
{
    bool out_of_fds = errno == EMFILE || errno == ENFILE;
    out_of_fds_until = now_ms() + (out_of_fds ? OUT_OF_FDS_TIME :
                                                OTHER_ERROR_TIME);
    deadline_add(out_of_fds_until);
}

static void on_client(const struct selector_key *key, int ready)
{
    struct sockaddr_in peer = { .sin_port = 0 };
    socklen_t size = sizeof peer;
    int fd = accept(key->fd, (struct sockaddr *)&peer, &size);
    (void)ready;
    if (fd >= 0) {
        session_begin(&settings, fd, &peer);
        return;
    }
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
        return;
    LOG("accept: %s", strerror(errno));
    pause_accept();
}

/* Watch the listener, but not during a pause. If the selector has no memory
   for it, try again soon. */
static void watch_listener(int listener)
{
    bool paused = out_of_fds_until > now_ms();
    if (paused)
        deadline_add(out_of_fds_until);
    if (selector_modify(settings.selector, listener, paused ? 0 :
                        SELECTOR_READ, on_client, NULL) < 0)
        deadline_add(now_ms() + OTHER_ERROR_TIME);
}

/* ------------------------------------------------------------------- start */

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
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

/* Make the default ROOT if there is none. Another ROOT must exist. */
static void open_root(const char *directory)
{
    if (directory == NULL) {
        directory = DEFAULT_ROOT;
        mkdir("build", 0777);
        mkdir(DEFAULT_ROOT, 0777);
    }
    if (tree_open(directory) < 0)
        err(1, "open %s, the ROOT (-r)", directory);
}

static void open_selector(const char *backend)
{
    settings.selector = selector_open(backend);
    if (settings.selector == NULL && errno == EINVAL)
        errx(2, "'%s' is not a backend on this system; make 06b prints "
             "them\n%s", backend, USAGE);
    if (settings.selector == NULL)
        err(1, "selector_open");
}

static void watch_signals(void)
{
    null_fd = open("/dev/null", O_WRONLY);
    if (pipe(signal_pipe) < 0)
        err(1, "pipe");
    fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK);
    if (selector_register(settings.selector, signal_pipe[0], SELECTOR_READ,
                          end_server, NULL) < 0)
        err(1, "selector_register");
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
}

static int open_listener(int port)
{
    int listener = listen_on(port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() must not block */
    if (selector_register(settings.selector, listener, SELECTOR_READ,
                          on_client, NULL) < 0)
        err(1, "selector_register");
    return listener;
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

/* An error shows no password, not even a wrong one. */
static void add_account(char *text)
{
    int name = (int)strcspn(text, ":");
    if (!accounts_add(text))
        errx(2, "-u '%.*s%s': not NAME:PASSWORD, or NAME has more than %d "
             "bytes, or more than %d accounts\n%s", name, text,
             text[name] == ':' ? ":***" : "", NAME_SIZE - 1, MAX_ACCOUNTS,
             USAGE);
}

static void parse_options(struct options *o, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "p:r:u:at:b:q")) != -1)
        switch (option) {
        case 'p': o->port = parse_number(optarg, 0, 65535); break;
        case 'r': o->root = optarg; break;
        case 'u': add_account(optarg); break;
        case 'a': settings.anonymous = true; break;
        case 't': o->idle = parse_number(optarg, 1, 1000000); break;
        case 'b': o->backend = optarg; break;
        case 'q': log_quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);
    settings.idle_ms = o->idle * 1000;
    settings.data_ms = (o->idle < DATA_TIME ? o->idle : DATA_TIME) * 1000;
    settings.login_ms = (o->idle < LOGIN_TIME ? o->idle : LOGIN_TIME) * 1000;
    if (accounts_count() == 0 && !settings.anonymous)
        warnx("nobody can log in; use -u NAME:PASSWORD, or -a");
}

int main(int argc, char **argv)
{
    struct options options = { .port = DEFAULT_PORT, .idle = IDLE_TIME };
    parse_options(&options, argc, argv);
    open_standard_fds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    signal(SIGXFSZ, SIG_IGN); /* a write() beyond ulimit -f fails: EFBIG */
    raise_fd_limit();
    open_root(options.root);
    open_selector(options.backend);
    watch_signals();
    int listener = open_listener(options.port);

    for (;;) {
        struct selector_key key;
        int ready;
        watch_listener(listener);
        if (selector_select(settings.selector, deadline_timeout()) < 0)
            err(1, "selector_select");
        while ((ready = selector_next(settings.selector, &key)) != 0)
            key.callback(&key, ready);
        session_check_deadlines();
    }
}
