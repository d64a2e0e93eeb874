/*
 * load: put many clients on a server at 127.0.0.1 and check every byte.
 *
 *     clients/load -p PORT [-c CLIENTS] [-n MESSAGES] [-s BYTES] [-i IDLE]
 *                  [-t SECONDS] [-P PID] [--json] [-h]
 *
 *     -c  clients that send (100)        -n  messages of each client (100)
 *     -s  bytes of a message (64)        -i  idle connections beside them (0)
 *     -t  stop when no byte has moved for so many seconds (10)
 *     -P  the server's process id, to print its CPU time
 *
 * Each client sends a message, reads until the answer is complete, sends the
 * next, and closes after its last answer; the idle connections stay open until
 * the end. Then load prints
 *
 *     100 clients x 100 messages x 64 bytes: 10000 answers, 0 errors in 0.05 s
 *     201477 answers/s   12.9 MB/s   latency p50 0.406 ms  p99 ...  max ...
 *     server's CPU time: 4.82 us per message      (of PID, not its children)
 *
 * MB: 10^6 bytes of answers. Latency: from the first send() of a message to
 * the last byte of its answer, to about 3%. Errors: clients for which a call
 * failed or an answer was wrong, the idle ones too; standard error describes
 * the first error of each kind.
 * --json: one object on one line: clients, messages, bytes, idle (the
 * options), answers, errors, seconds, answers_per_second, mb_per_second,
 * p50_ms, p99_ms, max_ms, server_cpu_us_per_message (null: not known).
 * Exit status: 0 every byte was right, 1 an error, 2 wrong usage, 130 Ctrl-C.
 *
 * Look at on_ready(): a client reads and sends in turn, so a message may be
 * larger than all the buffers between the client and the server.
 */
#include "load-latency.h"
#include "load-report.h"
#include "load-stream.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define USAGE \
    "usage: clients/load -p PORT [-c CLIENTS (100)] [-n MESSAGES each (100)]" \
    "\n  [-s BYTES per message (64)] [-i IDLE connections beside (0)]" \
    "\n  [-t SECONDS without progress (10)] [-P PID of the server] [--json]" \
    " [-h]"

enum {
    MAX_CLIENTS = 65535, /* each needs a port of its own */
    MAX_SIZE = 1 << 30,  /* bytes of a message */
    CONNECTING = 128,    /* at once: a server's backlog may be no longer */
    SPARE_FDS = 16,      /* for standard input ... and fds we inherit */
    TICK_MS = 100,       /* the longest sleep, and the pace of the bar */
    STOPPED_MS = 1000,   /* a round takes no longer, or load was stopped */
};

/* What a client has sent and received, in bytes: received <= sent <= end. */
struct client {
    int number;      /* from 1 on; the idle ones come last */
    int fd;
    bool connected;
    long long sent;
    long long received;
    long long end;   /* of the current message */
    long long total; /* of all messages; 0: an idle client */
    long long start; /* ns: when it began to send the current message */
};

enum error_kind { REFUSED, RESET, CLOSED, WRONG, TOO_MUCH, OTHER, KINDS };

static struct {
    int port, clients, messages, size, idle, seconds, pid;
    bool json;
} options = { .clients = 100, .messages = 100, .size = 64, .seconds = 10 };

static struct client clients[MAX_CLIENTS]; /* the active ones, no gaps, and */
static struct pollfd polls[MAX_CLIENTS];   /* what each of them waits for */
static int n_active;                       /* entries of both */
static int n_connecting;                   /* of these */
static struct client idle[MAX_CLIENTS];
static int n_idle;
static bool reached; /* a connect() has succeeded */

static long long start; /* ns */
static long long answers, answered_bytes, errors;

static volatile sig_atomic_t interrupted; /* by this signal; 0: by none */
static bool shows_bar;

static void on_signal(int number)
{
    interrupted = number;
    signal(number, SIG_DFL); /* a second one ends load at once */
}

static long long now(void) /* ns */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Seconds of CPU time that the server's threads have used; -1: not known. */
static double server_cpu(void)
{
#if defined _POSIX_CPUTIME && _POSIX_CPUTIME >= 0 /* macOS lacks it */
    clockid_t clock;
    struct timespec t;
    if (options.pid > 0 && clock_getcpuclockid(options.pid, &clock) == 0 &&
        clock_gettime(clock, &t) == 0)
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
#endif
    return -1;
}

/* ------------------------------------------------- the bar, the errors */

static void clear_bar(void)
{
    if (shows_bar)
        fputs("\r\033[K", stderr);
}

/* The line is cut off where the terminal ends: if it wrapped, we could not
   draw it again in its place. */
static void draw_bar(long long time)
{
    static const char full[] = "########################################";
    static long long drawn;
    if (!shows_bar || time - drawn < TICK_MS * 1000000LL)
        return;
    drawn = time;

    struct winsize window = { .ws_col = 0 };
    ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    int columns = window.ws_col > 0 ? window.ws_col : 80;
    double done = (double)answered_bytes / options.size / options.messages /
                  options.clients;
    char line[160];
    snprintf(line, sizeof line, "%3.0f%% [%-*.*s] %.0f answers/s  %lld errors",
             100 * done, (int)sizeof full - 1, (int)(done * sizeof full), full,
             (double)answers * 1e9 / (double)(time - start), errors);
    fprintf(stderr, "\r%.*s\033[K", columns - 1, line);
}

/* Count an error of this client. Describe the first error of its kind; the
   client's address is that in the server's log. Returns false: the client has
   to be closed. */
__attribute__((format(printf, 3, 4)))
static bool handle_error(const struct client *c, enum error_kind kind,
                         const char *format, ...)
{
    static bool described[KINDS];
    errors++;
    if (described[kind])
        return false;
    described[kind] = true;

    struct sockaddr_in address = { .sin_port = 0 };
    socklen_t size = sizeof address;
    getsockname(c->fd, (struct sockaddr *)&address, &size);
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    clear_bar();
    warnx("%sclient %d (127.0.0.1:%d): %s", c->total == 0 ? "idle " : "",
          c->number, ntohs(address.sin_port), text);
    return false;
}

/* The same for a call that has failed with errno. If no client has reached the
   server yet, none will: end the program. */
static bool handle_call_error(const struct client *c, const char *call)
{
    enum error_kind kind = errno == ECONNREFUSED ? REFUSED
                         : errno == ECONNRESET ? RESET
                         : errno == EPIPE ? CLOSED : OTHER;
    if (kind == REFUSED && !reached) {
        clear_bar();
        errx(1, "127.0.0.1:%d: %s; is the server running?", options.port,
             strerror(errno));
    }
    return handle_error(c, kind, "%s: %s", call, strerror(errno));
}

/* ---------------------------------------------------------- one client */

/* Begin to connect a new client. finish_connect() comes when its socket is
   writable, also after EINTR: connect(2) must not be called again, the kernel
   goes on with it (UNP 5.9). */
static void start_connect(int number, long long total)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)options.port),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct client c = { .number = number, .fd = fd, .total = total };
    if (fd < 0) {
        handle_call_error(&c, "socket");
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        handle_call_error(&c, "connect");
        close(fd);
        return;
    }
    clients[n_active] = c;
    polls[n_active++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
    n_connecting++;
}

/* False: the connection has failed. */
static bool finish_connect(struct client *c)
{
    int error = 0;
    socklen_t size = sizeof error;
    n_connecting--;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if ((errno = error) != 0)
        return handle_call_error(c, "connect");
    c->connected = reached = true;
    c->end = options.size;
    return true;
}

static bool is_temporary(int error)
{
    return error == EAGAIN || error == EINTR;
}

static bool wants_to_send(const struct client *c)
{
    return c->sent < c->end;
}

/* Send once. False: the client has to be closed. */
static bool send_bytes(struct client *c)
{
    long long rest = c->end - c->sent;
    if (rest == options.size)
        c->start = now();
    ssize_t n = send(c->fd, stream_bytes(c->number, c->sent),
                     (size_t)(rest < PERIOD ? rest : PERIOD), 0);
    if (n < 0)
        return is_temporary(errno) || handle_call_error(c, "send");
    c->sent += n;
    return true;
}

/* Are these bytes the next part of the answer, and no more than that? */
static bool check(const struct client *c, const char *bytes, long long length)
{
    const char *right = stream_answer(c->number, c->received);
    long long missing = c->sent - c->received;
    long long common = length < missing ? length : missing;
    if (memcmp(bytes, right, (size_t)common) != 0) {
        int i = 0;
        while (bytes[i] == right[i])
            i++;
        int want = (unsigned char)right[i], got = (unsigned char)bytes[i];
        return handle_error(c, WRONG, "byte %lld of its stream: wanted 0x%02x "
                            "'%c', got 0x%02x '%c'", c->received + i,
                            want, isprint(want) ? want : '.',
                            got, isprint(got) ? got : '.');
    }
    return length <= missing ||
           handle_error(c, TOO_MUCH, "sent %lld bytes, but received %lld",
                        c->sent, c->received + length);
}

/* Read once. False: the client has to be closed, after an error or its last
   answer. It does not wait for what a server might send after that. */
static bool receive(struct client *c)
{
    static char buffer[PERIOD]; /* has room for more than the answer, too */
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0)
        return is_temporary(errno) || handle_call_error(c, "recv");
    if (n == 0)
        return handle_error(c, CLOSED, "the server closed after %lld bytes "
                            "of %lld", c->received, c->total);
    if (!check(c, buffer, n))
        return false;
    c->received += n;
    answered_bytes += n;
    if (c->received < c->end)
        return true;
    latency_add(now() - c->start);
    answers++;
    c->end += options.size;
    return c->received < c->total;
}

/* poll() has found this client ready. False: it has to be closed, or it is an
   idle one and now connected. When an answer is complete the socket has room,
   so the client sends its next message at once. A message then costs one
   recv(), one send() and a share of a poll(). */
static bool on_ready(struct client *c, short ready)
{
    if (!c->connected && (!finish_connect(c) || c->total == 0))
        return false;
    if ((ready & ~POLLOUT) && !receive(c))
        return false;
    bool has_room = (ready & POLLOUT) || c->sent == c->received;
    return !(wants_to_send(c) && has_room) || send_bytes(c);
}

/* --------------------------------------------------------- all clients */

/* Close the client, or keep it if it is an idle one. The last active client
   takes its place. */
static void end_client(int i)
{
    if (clients[i].connected && clients[i].total == 0)
        idle[n_idle++] = clients[i];
    else
        close(clients[i].fd);
    n_active--;
    clients[i] = clients[n_active];
    polls[i] = polls[n_active];
}

/* From the last to the first: a client that moves into a gap has been served
   in this round already. */
static void serve_ready(int ready)
{
    for (int i = n_active - 1; ready > 0 && i >= 0; i--) {
        if (polls[i].revents == 0)
            continue;
        ready--;
        if (on_ready(&clients[i], polls[i].revents))
            polls[i].events = wants_to_send(&clients[i]) ? POLLIN | POLLOUT
                                                         : POLLIN;
        else
            end_client(i);
    }
}

static void handle_timeout(int waiting)
{
    errors += waiting;
    clear_bar();
    warnx("no answer for %d s; %d clients still wait", options.seconds,
          waiting);
}

/* Run the clients with the numbers FIRST to LAST until all have ended. No
   sleep is longer than a tick, so that the bar moves, and so that we see a
   signal which came just before the sleep. After Ctrl-Z and fg, the time in
   between is not one in which the server was silent. */
static void run_clients(int first, int last, long long total)
{
    int next = first;
    long long time = now(), moved = start = time;
    while ((next <= last || n_active > 0) && !interrupted) {
        while (next <= last && n_connecting < CONNECTING)
            start_connect(next++, total);
        int ready = poll(polls, (nfds_t)n_active, TICK_MS);
        if (ready < 0 && errno != EINTR)
            err(1, "poll");
        serve_ready(ready);
        long long before = time;
        time = now();
        if (time - before > STOPPED_MS * 1000000LL)
            moved = time;
        draw_bar(time);
        if (ready > 0)
            moved = time;
        else if (time - moved >= options.seconds * 1000000000LL) {
            handle_timeout(n_active + last + 1 - next);
            return;
        }
    }
}

/* --------------------------------------------------------- the options */

/* All clients may be connected at the same time. */
static void raise_fd_limit_to(int needed)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= (rlim_t)needed)
        return;
    limit.rlim_cur = (rlim_t)needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        errx(1, "-c and -i need %d file descriptors, the limit is %lld "
             "(ulimit -Hn)", needed, (long long)limit.rlim_max);
}

/* The option's number; anything but digits, or a number out of these bounds,
   ends the program. */
static int parse_number(int option, const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || n < least ||
        n > most)
        errx(2, "-%c: '%s' is not a number from %d to %d\n%s", option, text,
             least, most, USAGE);
    return (int)n;
}

static void read_options(int argc, char **argv)
{
    static const struct option words[] = {
        { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int o;
    while ((o = getopt_long(argc, argv, "p:c:n:s:i:t:P:h", words, NULL)) != -1)
        switch (o) {
        case 'p': options.port = parse_number(o, optarg, 1, 65535); break;
        case 'c': options.clients = parse_number(o, optarg, 1, MAX_CLIENTS);
                  break;
        case 'n': options.messages = parse_number(o, optarg, 1, INT_MAX);
                  break;
        case 's': options.size = parse_number(o, optarg, 1, MAX_SIZE); break;
        case 'i': options.idle = parse_number(o, optarg, 0, MAX_CLIENTS);
                  break;
        case 't': options.seconds = parse_number(o, optarg, 1, INT_MAX); break;
        case 'P': options.pid = parse_number(o, optarg, 1, INT_MAX); break;
        case 'j': options.json = true; break;
        case 'h': puts(USAGE); exit(0);
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n" USAGE, argv[optind]);
    if (options.port == 0)
        errx(2, "-p PORT is missing\n" USAGE);
}

/* CPU: seconds that the server has used; below 0: not known. */
static void print_result(double seconds, double cpu)
{
    struct result result = {
        .clients = options.clients, .messages = options.messages,
        .size = options.size, .idle = options.idle, .pid = options.pid,
        .answers = answers, .errors = errors,
        .answered_bytes = answered_bytes, .seconds = seconds,
        .server_cpu = cpu < 0 || answers == 0 ? -1 : cpu * 1e6 /
                                                     (double)answers,
    };
    (options.json ? print_json : print_text)(&result);
    if (fflush(stdout) != 0)
        err(1, "stdout");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    raise_fd_limit_to(options.clients + options.idle + SPARE_FDS);
    stream_init();
    shows_bar = isatty(STDERR_FILENO) && !options.json;
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    run_clients(options.clients + 1, options.clients + options.idle, 0);
    double cpu = server_cpu();
    if (errors == 0)
        run_clients(1, options.clients,
                    (long long)options.messages * options.size);
    double seconds = (double)(now() - start) / 1e9;
    cpu = cpu < 0 ? -1 : server_cpu() - cpu;

    for (int i = 0; i < n_idle && !interrupted; i++)
        receive(&idle[i]); /* EAGAIN is right: they get no byte, and no end */

    clear_bar();
    print_result(seconds, cpu);
    return interrupted ? 128 + interrupted : errors > 0;
}
