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
 *     201477 answers/s   12.9 MB/s   latency p50 0.41 ms  p99 0.86 ms  max ...
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
    "\n  [-t SECONDS without progress (10)] [-P PID of the server] [--json] [-h]"

enum {
    PERIOD = 65537,      /* bytes until the pattern repeats: a prime > 64 KiB */
    PHASE = 12347,       /* bytes of it between one client's start and next's */
    MAX_CLIENTS = 65535, /* a local port each; untouched, they cost nothing */
    MAX_SIZE = 1 << 30,  /* bytes of a message */
    CONNECTING = 128,    /* at once: some systems have no longer a backlog */
    SPARE_FDS = 16,      /* stdin, stdout, stderr and what else we inherit */
    TICK_MS = 100,       /* the longest sleep, and the bar's pace */
    STEP_BITS = 5,       /* of the histogram: ... */
    STEPS = 1 << STEP_BITS, /* ... 32 buckets for each power of two: 3% */
};

/* The stream of a client, in bytes: got <= sent <= end <= total. */
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

enum fault { REFUSED, RESET, CLOSED, WRONG, UNASKED, LATE, OTHER, FAULTS };

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
   lost, doubled, swapped or another client's cannot pass for the right ones.
   The tables hold it twice, so that no slice has to wrap. */
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
#if defined _POSIX_CPUTIME && _POSIX_CPUTIME >= 0 /* macOS has it not */
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
    warnx("client %d (127.0.0.1:%d): %s", c->number, ntohs(address.sin_port),
          text);
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
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 &&
        errno != EINPROGRESS) {
        call_failed(&c, "socket and connect");
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
    socklen_t size = sizeof errno;
    connecting--;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errno, &size);
    if (errno != 0)
        return call_failed(c, "connect");
    c->connected = reached = true;
    c->end = c->total > 0 ? options.size : 0;
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
                     want, isprint(want) ? want : '?',
                     got, isprint(got) ? got : '?');
    }
    return length <= owed ||
           fault(c, UNASKED, "sent %lld bytes, but got %lld back", c->sent,
                 c->got + length);
}

/* Reads once. False: the client is over, be it with its last answer. */
static bool receive(struct client *c)
{
    static char buffer[PERIOD]; /* and never more than is asked for fits */
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

/* One turn of a client that poll() found ready. False: it is over. With its
   answer whole nothing is under way, so the next message may go at once: one
   recv(), one send() and a share in a poll() is all that a message costs. */
static bool take_turn(struct client *c, short ready)
{
    if (!c->connected && !arrive(c))
        return false;
    if ((ready & ~POLLOUT) && !receive(c))
        return false;
    bool room = (ready & POLLOUT) || c->sent == c->got;
    return !(wants_to_send(c) && room) || send_more(c);
}
