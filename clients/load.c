/*
 * load: puts many clients on a server at 127.0.0.1 and checks every byte.
 *
 *     clients/load -p PORT [-c CLIENTS] [-n MESSAGES] [-s BYTES] [-i IDLE]
 *                  [-t SECONDS] [-P PID] [--json] [-h]
 *
 *     -c  clients at work (100)         -n  messages of each (100)
 *     -s  bytes of a message (64)       -i  idle connections beside them (0)
 *     -t  give up when nothing has moved for so many seconds (10)
 *     -P  the server's process id, to learn its CPU time (children excepted)
 *
 * Each client sends a message, reads until its answer is whole, sends the
 * next, and closes after its last. It prints
 *
 *     100 clients x 100 messages x 64 bytes: 10000 answers, 0 errors in 0.21 s
 *     47619 answers/s   3.05 MB/s   latency p50 1.92 ms  p99 3.2 ms  max 5 ms
 *
 * MB: 10^6 bytes of answers. Latency: from a message's first send() to the
 * last byte of its answer, to about 3%. An error is a client at fault, the
 * idle ones included; the first of each kind has a line on stderr.
 *
 * --json prints one object on one line: clients, messages, bytes, idle (as
 * asked for), answers, errors, seconds, answers_per_second, mb_per_second,
 * p50_ms, p99_ms, max_ms, and server_cpu_us_per_message, null if not known.
 *
 * Exit: 0 every byte came right; 1 it did not; 2 wrong usage; 130 Ctrl-C.
 *
 * Look at take_turn(): a client reads and writes by turns, so a message may
 * be larger than all the buffers between it and the server.
 */
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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define USAGE \
    "usage: clients/load -p PORT [-c CLIENTS (100)] " \
    "[-n MESSAGES of each (100)]\n" \
    "       [-s BYTES of a message (64)] [-i IDLE connections beside (0)]\n" \
    "       [-t SECONDS until it gives up (10)] [-P PID of the server]\n" \
    "       [--json] [-h]"

enum {
    PERIOD = 65537,        /* bytes; a prime just above 64 KiB */
    PHASE = 12347,         /* bytes between the starts of two clients */
    MAX_CLIENTS = 65535,   /* each has a port of its own */
    MAX_MESSAGES = 1000 * 1000 * 1000,
    MAX_SIZE = 1024 * 1024 * 1024, /* bytes of a message */
    MAX_SECONDS = 24 * 60 * 60,
    CONNECTING = 128,      /* at once: macOS keeps no longer a backlog */
    SPARE_FDS = 16,        /* stdin, stdout, stderr and inherited ones */
    TICK = 100,            /* ms: the longest sleep; the bar's pace */
    STEP_BITS = 5,         /* a power of two has 32 steps of latency: 3% */
    STEPS = 1 << STEP_BITS,
    BUCKETS = 64 * STEPS,
};

/* The stream of a client: it has sent >= got bytes, and end >= sent. */
struct client {
    int number;      /* from 1 on; the idle ones have the highest */
    int fd;          /* -1: none */
    bool connected;
    long long sent;
    long long got;
    long long end;   /* of the message under way */
    long long total; /* of its last message; 0: it stays idle */
    long long began; /* ns: when the message's first byte was sent */
};

enum fault { REFUSED, RESET, CLOSED, WRONG, UNASKED, LATE, OTHER, FAULTS };

static const char *const fault_names[FAULTS] = {
    "refused", "reset", "closed early", "wrong bytes", "unasked bytes",
    "without answer", "other",
};

static struct {
    int port, clients, messages, size, idle, seconds, pid;
    bool json;
} options = { .clients = 100, .messages = 100, .size = 64, .seconds = 10 };

static struct sockaddr_in server;
static struct client *clients; /* those at work, and ... */
static struct pollfd *polls;   /* ... in the same order what they wait for */
static int active;             /* entries of both */
static int connecting;         /* of them */
static struct client *idle;
static int idle_open;
static bool reached; /* the server, by anyone */

static long long answers;
static long long answered_bytes;
static long long faults[FAULTS];
static long long latencies[BUCKETS];
static long long longest; /* ns */
static long long start;   /* ns */

static volatile sig_atomic_t interrupted; /* the signal, or 0 */
static bool shows_bar;

/* All clients send slices of one pattern, each from a place of its own. As
   the period is a prime, no message is like the one before: bytes that are
   lost, doubled, swapped or another client's cannot look right. Both tables
   hold it twice, so that a slice never wraps. */
static char pattern[2 * PERIOD];
static char expected[2 * PERIOD]; /* the same, upper-cased */

static void interrupt(int signal_number)
{
    interrupted = signal_number;
    signal(signal_number, SIG_DFL); /* if that is not enough: at once */
}

static long long now(void) /* ns */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* a-z become A-Z, every other byte stays. There is no if in the loop, so the
   compiler can work on 16 bytes at once instead of guessing at each. */
static void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

static void make_pattern(void)
{
    uint32_t x = 2463534242; /* Marsaglia's xorshift: the same in each run */
    for (int i = 0; i < PERIOD; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        pattern[i] = pattern[i + PERIOD] = (char)(x >> 24);
    }
    memcpy(expected, pattern, sizeof expected);
    upper(expected, sizeof expected);
}

/* Where in the tables a byte of the client's stream is. */
static size_t place(const struct client *c, long long offset)
{
    return (size_t)((c->number * (long long)PHASE + offset) % PERIOD);
}

/* A log-linear histogram: whatever the latency, its bucket is 3% wide. */
static void record(long long ns)
{
    int exponent = 63 - __builtin_clzll((unsigned long long)ns | 1);
    int shift = exponent > STEP_BITS ? exponent - STEP_BITS : 0;
    latencies[shift * STEPS + (int)(ns >> shift)]++;
    longest = ns > longest ? ns : longest;
}

/* The latency in ms which this share of the answers kept to. */
static double percentile(double share)
{
    int b = 0;
    for (long long seen = latencies[0]; (double)seen < share * (double)answers;)
        seen += latencies[++b];
    int shift = b < 2 * STEPS ? 0 : b / STEPS - 1;
    long long middle = (2LL * (b - shift * STEPS) + 1) << shift >> 1;
    return (double)(middle < longest ? middle : longest) / 1e6;
}

/* CPU seconds of the server until now, all its threads; -1: not known. */
static double server_cpu(void)
{
#if defined _POSIX_CPUTIME && _POSIX_CPUTIME >= 0
    clockid_t clock;
    struct timespec t;
    if (options.pid > 0 && clock_getcpuclockid(options.pid, &clock) == 0 &&
        clock_gettime(clock, &t) == 0)
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
#endif
    return -1;
}

static long long errors(void)
{
    long long sum = 0;
    for (int i = 0; i < FAULTS; i++)
        sum += faults[i];
    return sum;
}

static void clear_bar(void)
{
    if (shows_bar)
        fputs("\r\033[K", stderr);
}

/* One line, never wider than the terminal: else it would scroll. */
static void draw_bar(long long time)
{
    static const char full[] = "########################################";
    static long long drawn;
    if (!shows_bar || time - drawn < TICK * 1000000LL)
        return;
    drawn = time;

    struct winsize window = { .ws_col = 0 };
    ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    int columns = (window.ws_col > 0 ? window.ws_col : 80) - 1;
    double done = (double)answered_bytes / options.size / options.messages /
                  options.clients;
    char text[80];
    int room = columns - (int)sizeof "[] " + 1 - snprintf(text, sizeof text,
        "%3.0f%%  %.0f answers/s  %lld errors", 100 * done,
        (double)answers * 1e9 / (double)(time - start + 1), errors());
    int width = room < (int)sizeof full - 1 ? room : (int)sizeof full - 1;
    if (width > 0)
        fprintf(stderr, "\r[%-*.*s] %s\033[K", width, (int)(done * width),
                full, text);
    else
        fprintf(stderr, "\r%.*s\033[K", columns, text);
}

/* What is wrong with a client counts, and the first of its kind is told, with
   the name that the server's log knows the client by. Always false. */
__attribute__((format(printf, 3, 4)))
static bool fault(const struct client *c, enum fault kind,
                  const char *format, ...)
{
    if (faults[kind]++ > 0)
        return false;
    struct sockaddr_in address = { .sin_port = 0 };
    socklen_t size = sizeof address;
    getsockname(c->fd, (struct sockaddr *)&address, &size);
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    clear_bar();
    warnx("client %d (127.0.0.1:%d): %s", c->number,
          ntohs(address.sin_port), text);
    return false;
}

static bool not_now(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* A call failed for good: it is the end of this client, and of us if there
   never was a server. Always false. */
static bool call_failed(const struct client *c, const char *call)
{
    enum fault kind = errno == ECONNREFUSED ? REFUSED
                    : errno == ECONNRESET ? RESET
                    : errno == EPIPE ? CLOSED : OTHER;
    if (kind == REFUSED && !reached) {
        clear_bar();
        errx(1, "127.0.0.1:%d: %s; is the server running?", options.port,
             strerror(errno));
    }
    return fault(c, kind, "%s: %s", call, strerror(errno));
}

/* A new client sets out for the server; take_turn() sees it arrive. */
static void set_out(int number, long long total)
{
    struct client *c = &clients[active];
    *c = (struct client){ .number = number, .total = total };
    if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0) {
        call_failed(c, "socket");
        return;
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 &&
        errno != EINPROGRESS) {
        call_failed(c, "connect");
        close(c->fd);
        return;
    }
    polls[active++] = (struct pollfd){ .fd = c->fd, .events = POLLOUT };
    connecting++;
}

/* The connect is over, well or not. An idle client's turns end here: what
   stays of it is the connection. */
static bool arrive(struct client *c)
{
    int error = 0;
    socklen_t size = sizeof error;
    connecting--;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error) {
        errno = error ? error : errno;
        return call_failed(c, "connect");
    }
    c->connected = reached = true;
    if (c->total == 0) {
        idle[idle_open++] = *c;
        c->fd = -1;
        return false;
    }
    c->end = options.size;
    return true;
}

static bool wants_to_send(const struct client *c)
{
    return c->sent < c->end;
}

static bool send_more(struct client *c)
{
    long long rest = c->end - c->sent;
    if (c->sent == c->end - options.size)
        c->began = now();
    ssize_t n = send(c->fd, pattern + place(c, c->sent),
                     (size_t)(rest < PERIOD ? rest : PERIOD), 0);
    if (n < 0)
        return not_now() || call_failed(c, "send");
    c->sent += n;
    return true;
}

/* Are these the next bytes that the client has to get, and no more? */
static bool check(const struct client *c, const char *bytes, long long length)
{
    const char *wanted = expected + place(c, c->got);
    long long owed = c->sent - c->got;
    size_t known = (size_t)(length < owed ? length : owed);
    if (memcmp(bytes, wanted, known) != 0) {
        size_t i = 0;
        while (bytes[i] == wanted[i])
            i++;
        int want = (unsigned char)wanted[i], got = (unsigned char)bytes[i];
        return fault(c, WRONG, "byte %lld of its stream: wanted 0x%02x '%c', "
                     "got 0x%02x '%c'", c->got + (long long)i,
                     want, isgraph(want) ? want : ' ',
                     got, isgraph(got) ? got : ' ');
    }
    return length <= owed ||
           fault(c, UNASKED, "sent %lld bytes, got %lld and more back",
                 c->sent, c->sent + 1);
}

/* Read once. False: the client is over, well or not. */
static bool receive(struct client *c)
{
    static char buffer[PERIOD]; /* more than 64 KiB: shows what is too much */
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0)
        return not_now() || call_failed(c, "recv");
    if (n == 0)
        return fault(c, CLOSED, "end of file after %lld bytes of %lld",
                     c->got, c->total);
    if (!check(c, buffer, n))
        return false;
    c->got += n;
    answered_bytes += n;
    if (c->got < c->end)
        return true;
    record(now() - c->began);
    answers++;
    c->end += options.size;
    return c->got < c->total;
}

/* One turn of a client that poll() found ready. False: it is over. When the
   answer is whole, nothing is under way, and the next message can go at once
   without asking poll() for room. */
static bool take_turn(struct client *c, short ready)
{
    if (!c->connected && !arrive(c))
        return false;
    if ((ready & ~POLLOUT) && !receive(c))
        return false;
    bool room = (ready & POLLOUT) || c->sent == c->got;
    return !(room && wants_to_send(c)) || send_more(c);
}

/* The last one takes the place of the one that leaves. */
static void leave(int i)
{
    if (clients[i].fd >= 0)
        close(clients[i].fd);
    active--;
    clients[i] = clients[active];
    polls[i] = polls[active];
}

/* Each of those that poll() found ready has its turn. A leaver's place goes
   to one from behind; so from the back to the front, and nobody is missed. */
static void take_turns(int ready)
{
    for (int i = active - 1; ready > 0 && i >= 0; i--) {
        if (polls[i].revents == 0)
            continue;
        ready--;
        if (take_turn(&clients[i], polls[i].revents))
            polls[i].events = wants_to_send(&clients[i]) ? POLLIN | POLLOUT
                                                         : POLLIN;
        else
            leave(i);
    }
}

/* Let clients, numbered from here to there, get this many bytes each; 0: be
   connected and idle. poll() never sleeps longer than a tick: for the bar,
   and for a Ctrl-C that comes just before it goes to sleep. */
static void run(int number, int last, long long total)
{
    long long moved = now();
    while ((number <= last || active > 0) && !interrupted) {
        while (number <= last && connecting < CONNECTING)
            set_out(number++, total);
        int ready = poll(polls, (nfds_t)active, TICK);
        if (ready < 0 && errno != EINTR)
            err(1, "poll");
        take_turns(ready);
        long long time = now();
        moved = ready > 0 ? time : moved;
        draw_bar(time);
        if (time - moved < options.seconds * 1000000000LL)
            continue;
        int waiting = active + last + 1 - number;
        faults[LATE] += waiting;
        clear_bar();
        warnx("no answer for %d s; %d clients still wait", options.seconds,
              waiting);
        return;
    }
}

/* Digits after the point, so that three in all count. */
static int digits(double x)
{
    return x < 1 ? 3 : x < 10 ? 2 : x < 100 ? 1 : 0;
}

static void report_faults(void)
{
    const char *mark = "errors: ";
    for (int i = 0; i < FAULTS; i++)
        if (faults[i] > 0) {
            printf("%s%lld %s", mark, faults[i], fault_names[i]);
            mark = ", ";
        }
    fputs(errors() > 0 ? "\n" : "", stdout);
}

static void report(double seconds, double cpu)
{
    double p50 = percentile(0.50), p99 = percentile(0.99);
    double max = (double)longest / 1e6;
    double rate = (double)answers / seconds;
    double mb = (double)answered_bytes / 1e6 / seconds;

    printf("%d clients x %d messages x %d bytes", options.clients,
           options.messages, options.size);
    if (options.idle > 0)
        printf(" beside %d idle", options.idle);
    printf(": %lld answers, %lld errors in %.2f s\n", answers, errors(),
           seconds);
    report_faults();
    printf("%.0f answers/s   %.*f MB/s   latency p50 %.*f ms  p99 %.*f ms  "
           "max %.*f ms\n", rate, digits(mb), mb, digits(p50), p50,
           digits(p99), p99, digits(max), max);
    if (cpu >= 0)
        printf("server's CPU time: %.*f us per message\n", digits(cpu), cpu);
    else if (options.pid > 0)
        printf("server's CPU time: not known for process %d\n", options.pid);
}

static void report_json(double seconds, double cpu)
{
    printf("{\"clients\": %d, \"messages\": %d, \"bytes\": %d, \"idle\": %d, "
           "\"answers\": %lld, \"errors\": %lld, \"seconds\": %.6f, "
           "\"answers_per_second\": %.1f, \"mb_per_second\": %.3f, "
           "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, "
           "\"server_cpu_us_per_message\": ",
           options.clients, options.messages, options.size, options.idle,
           answers, errors(), seconds, (double)answers / seconds,
           (double)answered_bytes / 1e6 / seconds, percentile(0.50),
           percentile(0.99), (double)longest / 1e6);
    printf(cpu < 0 ? "null}\n" : "%.3f}\n", cpu);
}

/* All clients may be connected at the same time. */
static void fit_fd_limit(void)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)(options.clients + options.idle + SPARE_FDS);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        errx(1, "-c %d and -i %d need %d file descriptors, but the limit "
             "(ulimit -Hn) is %lld", options.clients, options.idle,
             (int)needed, (long long)limit.rlim_max);
}

static void set_up(void)
{
    fit_fd_limit();
    make_pattern();
    clients = calloc((size_t)MAX_CLIENTS, sizeof *clients);
    polls = calloc((size_t)MAX_CLIENTS, sizeof *polls);
    idle = calloc((size_t)MAX_CLIENTS, sizeof *idle);
    if (clients == NULL || polls == NULL || idle == NULL)
        err(1, "calloc");
    server = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)options.port),
    };
    shows_bar = isatty(STDERR_FILENO) && !options.json;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
}

/* An option's number. getopt() has seen to it that there is a text. */
static int option_number(int option, int least, int most)
{
    char *end;
    long n = strtol(optarg, &end, 10);
    if (end == optarg || *end != '\0' || n < least || n > most)
        errx(2, "-%c: '%s' is not a number from %d to %d\n%s", option, optarg,
             least, most, USAGE);
    return (int)n;
}

static void read_options(int argc, char **argv)
{
    static const struct option longs[] = {
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int o;
    while ((o = getopt_long(argc, argv, "p:c:n:s:i:t:P:h", longs, NULL)) != -1)
        switch (o) {
        case 'p': options.port = option_number(o, 1, 65535); break;
        case 'c': options.clients = option_number(o, 1, MAX_CLIENTS); break;
        case 'n': options.messages = option_number(o, 1, MAX_MESSAGES); break;
        case 's': options.size = option_number(o, 1, MAX_SIZE); break;
        case 'i': options.idle = option_number(o, 0, MAX_CLIENTS); break;
        case 't': options.seconds = option_number(o, 1, MAX_SECONDS); break;
        case 'P': options.pid = option_number(o, 1, INT_MAX); break;
        case 'j': options.json = true; break;
        case 'h': puts(USAGE); exit(0);
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "'%s' is not an option\n%s", argv[optind], USAGE);
    if (options.port == 0)
        errx(2, "-p PORT is missing\n%s", USAGE);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    set_up();

    start = now();
    run(options.clients + 1, options.clients + options.idle, 0);
    double cpu = server_cpu();
    start = now();
    if (errors() == 0)
        run(1, options.clients, (long long)options.messages * options.size);
    double seconds = (double)(now() - start + 1) / 1e9;
    cpu = cpu < 0 || answers == 0 ? -1
        : (server_cpu() - cpu) * 1e6 / (double)answers;

    for (int i = 0; i < idle_open && !interrupted; i++)
        receive(&idle[i]); /* neither a byte nor an end may have come */
    clear_bar();
    (options.json ? report_json : report)(seconds, cpu);
    if (fflush(stdout) != 0)
        err(1, "stdout");
    return interrupted ? 128 + interrupted : errors() > 0;
}
