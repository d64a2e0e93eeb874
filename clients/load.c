/*
 * load: puts many clients on a server at 127.0.0.1 and checks every byte.
 *
 *     clients/load -p PORT [-c CLIENTS] [-n MESSAGES] [-s BYTES] [-i IDLE]
 *                  [-t SECONDS] [-P PID] [--json] [-h]
 *
 *     -c  clients at work (100)          -n  messages of each (100)
 *     -s  bytes of a message (64)        -i  idle connections beside them (0)
 *     -t  give up when nothing has moved for so many seconds (10)
 *     -P  the server's process id, to add the CPU time it took
 *
 * Each client sends a message, reads until its answer is whole, sends the
 * next, and closes after its last; the idle ones stay until the end. Then
 *
 *     100 clients x 100 messages x 64 bytes: 10000 answers, 0 errors in 0.05 s
 *     201477 answers/s   12.9 MB/s   latency p50 0.406 ms  p99 ...  max ...
 *     server's CPU time: 4.82 us per message      (of PID, not its children)
 *
 * MB: 10^6 bytes of answers. Latency: from a message's first send() to the
 * last byte of its answer, to about 3%. An error is a client at fault, at
 * work or idle; the first of each kind is told on stderr.
 * --json: one object on one line: clients, messages, bytes, idle (as asked
 * for), answers, errors, seconds, answers_per_second, mb_per_second, p50_ms,
 * p99_ms, max_ms, server_cpu_us_per_message (null: not known).
 * Exit: 0 every byte came right, 1 it did not, 2 wrong usage, 130 Ctrl-C.
 *
 * Look at take_turn(): a client reads and writes by turns, so that a message
 * may be larger than all the buffers between it and the server.
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
    "usage: clients/load -p PORT [-c CLIENTS (100)] [-n MESSAGES each (100)]" \
    "\n  [-s BYTES per message (64)] [-i IDLE connections beside (0)]" \
    "\n  [-t SECONDS without progress (10)] [-P PID of the server] [--json]" \
    " [-h]"

enum {
    PERIOD = 65537,      /* bytes of the pattern: a prime just above 64 KiB */
    PHASE = 12347,       /* bytes of it from one client's start to the next */
    MAX_CLIENTS = 65535, /* a local port each; untouched, they cost nothing */
    MAX_SIZE = 1 << 30,  /* bytes of a message */
    CONNECTING = 128,    /* at once: many a backlog is no longer */
    SPARE_FDS = 16,      /* stdin, stdout, stderr and what else we inherit */
    TICK_MS = 100,       /* the longest sleep, and the bar's pace */
    STEP_BITS = 5,       /* of the histogram: ... */
    STEPS = 1 << STEP_BITS, /* ... 32 buckets for each power of two: 3% */
};

/* The stream of a client, in bytes: got <= sent <= end. */
struct client {
    int number;      /* from 1 on; the idle ones come last */
    int fd;
    bool connected;
    long long sent;
    long long got;
    long long end;   /* of the message under way */
    long long total; /* of all its messages; 0: it is an idle one */
    long long began; /* ns: when the message under way set out */
};

enum fault { REFUSED, RESET, CLOSED, WRONG, UNASKED, OTHER, FAULTS };

static struct {
    int port, clients, messages, size, idle, seconds, pid;
    bool json;
} options = { .clients = 100, .messages = 100, .size = 64, .seconds = 10 };

static struct client clients[MAX_CLIENTS]; /* at work, without gaps, and ... */
static struct pollfd polls[MAX_CLIENTS];   /* ... what each one waits for */
static int active;                         /* entries of both */
static int connecting;                     /* of these */
static struct client idle[MAX_CLIENTS];
static int idlers;
static bool reached; /* the server, by anyone */

static long long start; /* ns */
static long long answers;
static long long answered_bytes;
static long long errors;
static long long latencies[64 * STEPS]; /* how many answers took so long */
static long long longest;               /* ns */

static volatile sig_atomic_t interrupted; /* by this signal, or 0 */
static bool shows_bar;

/* Every client sends slices of one pattern, each from a place of its own. As
   the period is a prime, no message is like the one before: bytes that are
   lost, doubled, swapped or another client's do not pass for the right ones,
   and no message has to be kept. Both tables hold the pattern twice, so that
   no slice has to wrap. */
static char pattern[2 * PERIOD];
static char expected[2 * PERIOD]; /* the same, upper-cased */

static void interrupt(int signal_number)
{
    interrupted = signal_number;
    signal(signal_number, SIG_DFL); /* the second one ends us anyhow */
}

static long long now(void) /* ns */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* a-z become A-Z, every other byte stays. There is no if in the loop, so the
   compiler can work on 16 bytes at once instead of guessing at each. (Inlined
   into main(), which runs but once, gcc does not take that trouble.) */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
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

/* Where in the tables this byte of the client's stream is. */
static size_t place(const struct client *c, long long offset)
{
    return (size_t)((c->number * (long long)PHASE + offset) % PERIOD);
}

/* A log-linear histogram: small, and as exact for 10 us as for 10 s. */
static void record(long long ns)
{
    int exponent = 63 - __builtin_clzll((unsigned long long)ns | 1);
    int shift = exponent > STEP_BITS ? exponent - STEP_BITS : 0;
    latencies[shift * STEPS + (int)(ns >> shift)]++;
    longest = ns > longest ? ns : longest;
}

/* The latency, in ms, that this share of the answers did not exceed. */
static double percentile(double share)
{
    int b = 0;
    double rank = share * (double)answers;
    for (long long n = latencies[0]; (double)n < rank; n += latencies[b])
        b++;
    int shift = b < 2 * STEPS ? 0 : b / STEPS - 1;
    long long middle = (2LL * (b - shift * STEPS) + 1) << shift >> 1;
    return (double)(middle < longest ? middle : longest) / 1e6;
}

/* Seconds of CPU the server has used, in all its threads; -1: not known. */
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

static void clear_bar(void)
{
    if (shows_bar)
        fputs("\r\033[K", stderr);
}

/* A narrow terminal cuts the line off: one that wraps could not be redrawn. */
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

/* A client's fault counts; the first of its kind is told, with the name that
   the server's log has for the client. Always false: this client is over. */
__attribute__((format(printf, 3, 4)))
static bool fault(const struct client *c, enum fault kind,
                  const char *format, ...)
{
    static bool told[FAULTS];
    errors++;
    if (told[kind])
        return false;
    told[kind] = true;

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

/* A call failed, and not only for now. Where nobody ever reached the server,
   there is no use in going on. */
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

static bool not_now(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* A new client sets out for the server; in its first turn it has arrived. */
static void set_out(int number, long long total)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)options.port),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct client c = { .number = number, .fd = fd, .total = total };
    if (fd < 0) {
        call_failed(&c, "socket");
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 &&
        errno != EINPROGRESS) {
        call_failed(&c, "connect");
        close(fd);
        return;
    }
    clients[active] = c;
    polls[active++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
    connecting++;
}

/* The connect is over, well or not. */
static bool arrive(struct client *c)
{
    int error = 0;
    socklen_t size = sizeof error;
    connecting--;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if ((errno = error) != 0)
        return call_failed(c, "connect");
    c->connected = reached = true;
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
    if (rest == options.size)
        c->began = now();
    ssize_t n = send(c->fd, pattern + place(c, c->sent),
                     (size_t)(rest < PERIOD ? rest : PERIOD), 0);
    if (n < 0)
        return not_now() || call_failed(c, "send");
    c->sent += n;
    return true;
}

/* Are these the bytes that the client is owed next, and no more? */
static bool check(const struct client *c, const char *bytes, long long length)
{
    const char *wanted = expected + place(c, c->got);
    long long owed = c->sent - c->got;
    if (memcmp(bytes, wanted, (size_t)(length < owed ? length : owed)) != 0) {
        int i = 0;
        while (bytes[i] == wanted[i])
            i++;
        int want = (unsigned char)wanted[i], got = (unsigned char)bytes[i];
        return fault(c, WRONG, "byte %lld of its stream: wanted 0x%02x '%c', "
                     "got 0x%02x '%c'", c->got + i,
                     want, isprint(want) ? want : '.',
                     got, isprint(got) ? got : '.');
    }
    return length <= owed ||
           fault(c, UNASKED, "sent %lld bytes, but got %lld back", c->sent,
                 c->got + length);
}

/* Reads once. False: the client is over, be it with its last answer. What a
   server might send after that is not waited for. */
static bool receive(struct client *c)
{
    static char buffer[PERIOD]; /* room to spare: it shows what is too much */
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0)
        return not_now() || call_failed(c, "recv");
    if (n == 0)
        return fault(c, CLOSED, "the server closed after %lld bytes of %lld",
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

/* One turn of a client that poll() found ready. False: it is over, as an idle
   one is once it is connected. With an answer whole nothing is under way, so
   the next message goes at once, without a look whether there is room: one
   recv(), one send() and a share in a poll() is all that a message costs. */
static bool take_turn(struct client *c, short ready)
{
    if (!c->connected && (!arrive(c) || c->total == 0))
        return false;
    if ((ready & ~POLLOUT) && !receive(c))
        return false;
    bool room = (ready & POLLOUT) || c->sent == c->got;
    return !(wants_to_send(c) && room) || send_more(c);
}

/* Closes those that are over, but keeps the idle ones. The last of the active
   takes the free place. */
static void leave(int i)
{
    if (clients[i].connected && clients[i].total == 0)
        idle[idlers++] = clients[i];
    else
        close(clients[i].fd);
    active--;
    clients[i] = clients[active];
    polls[i] = polls[active];
}

/* From the back: so one who takes a leaver's place has had its turn. */
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

static void give_up(int waiting)
{
    errors += waiting;
    clear_bar();
    warnx("no answer for %d s; %d clients still wait", options.seconds,
          waiting);
}

/* Clients from this number to that one do all they have to do. No sleep takes
   longer than a tick: for the bar, and for a Ctrl-C just before the sleep. */
static void run(int number, int last, long long total)
{
    long long moved = start = now();
    while ((number <= last || active > 0) && !interrupted) {
        while (number <= last && connecting < CONNECTING)
            set_out(number++, total);
        int ready = poll(polls, (nfds_t)active, TICK_MS);
        if (ready < 0 && errno != EINTR)
            err(1, "poll");
        take_turns(ready);
        long long time = now();
        draw_bar(time);
        if (ready > 0)
            moved = time;
        else if (time - moved >= options.seconds * 1000000000LL) {
            give_up(active + last + 1 - number);
            return;
        }
    }
}

/* Digits after the point, so that three count: 0.042, 1.92, 45.6, 5963. */
static int digits(double x)
{
    return x < 1 ? 3 : x < 10 ? 2 : x < 100 ? 1 : 0;
}

static void report(double seconds, double cpu)
{
    double p50 = percentile(0.50), p99 = percentile(0.99);
    double max = (double)longest / 1e6;
    double mb = (double)answered_bytes / 1e6 / seconds;

    printf("%d clients x %d messages x %d bytes", options.clients,
           options.messages, options.size);
    if (options.idle > 0)
        printf(" beside %d idle", options.idle);
    printf(": %lld answers, %lld errors in %.2f s\n", answers, errors,
           seconds);
    printf("%.0f answers/s   %.*f MB/s   latency p50 %.*f ms  p99 %.*f ms  "
           "max %.*f ms\n", (double)answers / seconds, digits(mb), mb,
           digits(p50), p50, digits(p99), p99, digits(max), max);
    if (cpu >= 0)
        printf("server's CPU time: %.*f us per message\n", digits(cpu), cpu);
    else if (options.pid > 0)
        printf("server's CPU time: not known (no answers, no process %d, or "
               "a system that cannot tell)\n", options.pid);
}

static void report_json(double seconds, double cpu)
{
    printf("{\"clients\": %d, \"messages\": %d, \"bytes\": %d, \"idle\": %d, "
           "\"answers\": %lld, \"errors\": %lld, \"seconds\": %.6f, "
           "\"answers_per_second\": %.1f, \"mb_per_second\": %.3f, "
           "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, "
           "\"server_cpu_us_per_message\": ",
           options.clients, options.messages, options.size, options.idle,
           answers, errors, seconds, (double)answers / seconds,
           (double)answered_bytes / 1e6 / seconds, percentile(0.50),
           percentile(0.99), (double)longest / 1e6);
    printf(cpu < 0 ? "null}\n" : "%.3f}\n", cpu);
}

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

/* optarg as a number in these bounds. */
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
    static const struct option words[] = {
        { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int o;
    while ((o = getopt_long(argc, argv, "p:c:n:s:i:t:P:h", words, NULL)) != -1)
        switch (o) {
        case 'p': options.port = option_number(o, 1, 65535); break;
        case 'c': options.clients = option_number(o, 1, MAX_CLIENTS); break;
        case 'n': options.messages = option_number(o, 1, INT_MAX); break;
        case 's': options.size = option_number(o, 1, MAX_SIZE); break;
        case 'i': options.idle = option_number(o, 0, MAX_CLIENTS); break;
        case 't': options.seconds = option_number(o, 1, INT_MAX); break;
        case 'P': options.pid = option_number(o, 1, INT_MAX); break;
        case 'j': options.json = true; break;
        case 'h': puts(USAGE); exit(0);
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "'%s' is not an option\n" USAGE, argv[optind]);
    if (options.port == 0)
        errx(2, "-p PORT is missing\n" USAGE);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    raise_fd_limit_to(options.clients + options.idle + SPARE_FDS);
    make_pattern();
    shows_bar = isatty(STDERR_FILENO) && !options.json;
    signal(SIGPIPE, SIG_IGN); /* a server that leaves is a fault, not ours */
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);

    run(options.clients + 1, options.clients + options.idle, 0);
    double cpu = server_cpu();
    if (errors == 0)
        run(1, options.clients, (long long)options.messages * options.size);
    double seconds = (double)(now() - start) / 1e9;
    double cpu_used = server_cpu() - cpu;

    for (int i = 0; i < idlers && !interrupted; i++)
        receive(&idle[i]); /* neither a byte nor an end may have come */

    clear_bar();
    bool known = cpu >= 0 && cpu_used >= 0 && answers > 0;
    cpu = known ? cpu_used * 1e6 / (double)answers : -1;
    (options.json ? report_json : report)(seconds, cpu);
    if (fflush(stdout) != 0)
        err(1, "stdout");
    return interrupted ? 128 + interrupted : errors > 0;
}
