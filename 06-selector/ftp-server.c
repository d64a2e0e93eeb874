/*
 * ftp-server: the homework, an FTP server for many users in one thread.
 *
 *     06-selector/ftp-server [-p PORT] [-r ROOT] [-u NAME:PASSWORD]... [-a]
 *                            [-t SECONDS] [-b BACKEND] [-q]
 *
 *     06-selector/ftp-server -u tom:secret          in one terminal, and
 *     curl -u tom:secret ftp://127.0.0.1:2121/      in another
 *
 * Here is how it starts and ends. Then look at ftp-session.h, where the parts
 * are named, and at the table in ftp-commands.c. A transfer moves one chunk in
 * a turn, so none is in another's way; no path leads out of ROOT; an upload is
 * there when it is complete, or not at all.
 *
 * Left out on purpose: PORT, by which a server connects to whom it is told;
 * encryption: whoever sees the wire sees passwords; wildcards.
 * The notes: 作业, SELECT版FTP.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ftp-session.h"

#define LESSON "06-selector"
#define DEFAULT_ROOT "build/ftp"
#define USAGE "usage: " LESSON "/ftp-server [-p PORT (2121; 0: any free)] " \
              "[-r ROOT (" DEFAULT_ROOT ")]\n" \
              "       [-u NAME:PASSWORD]... [-a (anonymous may read)]\n" \
              "       [-t SECONDS (300; idle for so long: 421)]\n" \
              "       [-b epoll|kqueue|poll|select] [-q (no log)]"

enum {
    DEFAULT_PORT = 2121,
    IDLE_TIME = 300,       /* seconds without a command, or a byte */
    DATA_TIME = 30,        /* seconds for a client to open its data connection;
                              with a shorter IDLE_TIME, that */
    MAX_FDS = 1024 * 1024, /* more are not asked for */
};

static int farewell[2]; /* a pipe: a signal came */

/* SIGINT and SIGTERM: uploads are to be dropped, and that is no work for a
   signal handler. But a byte in a pipe is an event like all others. */
static void note_signal(int signal_number)
{
    int reason = errno;
    (void)signal_number;
    (void)!write(farewell[1], "", 1); /* full: there are bytes enough */
    errno = reason;
}

static void say_bye(const struct selector_key *key, int ready)
{
    (void)key;
    (void)ready;
    session_end_all();
    selector_close(settings.selector);
    printf("bye\n");
    exit(0);
}

/* Listen on 127.0.0.1 and say so; port 0 is any free one. */
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
        listen(listener, SOMAXCONN) < 0)
        errx(1, "bind and listen, port %d: %s; another server? "
             "-p 0 takes any free port", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf(LESSON ": listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    return listener;
}

/* Ask for as many fds as the system allows; the usual 1,024 are a default. */
static void raise_fd_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < MAX_FDS ? limit.rlim_max : MAX_FDS;
    while (setrlimit(RLIMIT_NOFILE, &limit) < 0 && limit.rlim_cur > 1024)
        limit.rlim_cur /= 2; /* macOS allows less than its hard limit */
}

static int number(const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        errx(2, "'%s' is not a number from %d to %d\n%s", text, least, most,
             USAGE);
    return (int)n;
}

/* NAME:PASSWORD. Away with the password where it was: ps shows arguments. */
static void add_account(char *text)
{
    char *name = strdup(text);
    char *colon = name == NULL ? NULL : strchr(name, ':');
    if (colon == NULL || colon == name || colon - name >= NAME_SIZE ||
        settings.account_count == MAX_ACCOUNTS)
        errx(2, "-u takes NAME:PASSWORD, at most %d times\n%s", MAX_ACCOUNTS,
             USAGE);
    *colon = '\0';
    settings.accounts[settings.account_count].name = name;
    settings.accounts[settings.account_count++].password = colon + 1;
    memset(strchr(text, ':') + 1, '*', strlen(colon + 1));
}

/* The default root may be new; another has to be there. */
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

/* What is to be heard of, from the beginning. Returns the listener. */
static int open_selector(const char *backend, int port)
{
    struct selector *selector = selector_open(backend);
    if (selector == NULL && errno == EINVAL)
        errx(2, "'%s' is not a backend here; make 06b lists them\n%s",
             backend, USAGE);
    settings.selector = selector;
    int listener = listen_on(port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* who came may have left */
    if (selector == NULL || pipe(farewell) < 0 ||
        selector_register(selector, farewell[0], SELECTOR_READ, say_bye,
                          NULL) < 0 ||
        selector_register(selector, listener, SELECTOR_READ, session_welcome,
                          NULL) < 0)
        err(1, "selector");
    fcntl(farewell[1], F_SETFL, O_NONBLOCK);
    return listener;
}

int main(int argc, char **argv)
{
    const char *backend = NULL, *directory = NULL;
    int port = DEFAULT_PORT, idle = IDLE_TIME;
    int option;
    while ((option = getopt(argc, argv, "p:r:u:at:b:q")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 0, 65535); break;
        case 'r': directory = optarg; break;
        case 'u': add_account(optarg); break;
        case 'a': settings.anonymous = true; break;
        case 't': idle = number(optarg, 1, 1000000); break;
        case 'b': backend = optarg; break;
        case 'q': settings.quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);
    settings.idle_ms = idle * 1000;
    settings.data_ms = (idle < DATA_TIME ? idle : DATA_TIME) * 1000;
    if (settings.account_count == 0 && !settings.anonymous)
        warnx("nobody can log in: -u NAME:PASSWORD, or -a");

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    signal(SIGXFSZ, SIG_IGN); /* ... and a write() beyond ulimit -f */
    raise_fd_limit();
    open_root(directory);
    int listener = open_selector(backend, port);
    signal(SIGINT, note_signal);
    signal(SIGTERM, note_signal);

    for (;;) {
        struct selector_key key;
        int ready;
        selector_modify(settings.selector, listener, session_none_fits() ? 0 :
                        SELECTOR_READ, session_welcome, NULL);
        if (selector_select(settings.selector, session_timeout()) < 0)
            err(1, "selector_select");
        while ((ready = selector_next(settings.selector, &key)) != 0)
            key.callback(&key, ready);
        session_look_at_clock();
    }
}
