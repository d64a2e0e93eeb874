/*
 * ftp-client: fetch, bring or list files of an FTP server at 127.0.0.1.
 *
 *     06-selector/ftp-client [-p PORT] [-u NAME:PASSWORD] [-c] COMMAND ...
 *
 *     ls [DIRECTORY]      what is there, as the server tells
 *     get FILE [AS]       fetch a file. It is in AS.part until it is complete;
 *                         if that breaks, the next get goes on from there
 *     put FILE [AS]       bring a file; "-" is standard input. With -c: the
 *                         server's is the beginning of it, bring the rest
 *
 * On a terminal there is a progress bar. Exit: 0 it is done, 1 it is not,
 * 2 wrong usage.
 *
 * Look at transfer(): FTP takes two connections, one to talk and one for each
 * file or list, and only both together say whether it has all come. It waits
 * in recv() and send() as 01's client does: there is but one server.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LESSON "06-selector"
#define USAGE "usage: " LESSON "/ftp-client [-p PORT (2121)] " \
              "[-u NAME:PASSWORD] [-c (continue a put)]\n" \
              "       get FILE [AS] | put FILE [AS] | ls [DIRECTORY]"

enum {
    DEFAULT_PORT = 2121,
    CHUNK = 64 * 1024, /* bytes moved at once */
    LINE_SIZE = 4096,  /* bytes of a command or of a line of a reply */
    PATIENCE = 60,     /* seconds for the server to do anything */
    TICK_MS = 100,     /* the bar's pace */
};

static FILE *control;           /* what the server says */
static char answer[LINE_SIZE];  /* the last line of its last reply */

/* ------------------------------------------------------------ the talking */

static int connect_to(int port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    struct timeval patience = { .tv_sec = PATIENCE };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        errx(1, "connect to 127.0.0.1:%d: %s; start " LESSON "/ftp-server, "
             "or name another one's port with -p", port, strerror(errno));
    return fd;
}

/* Wait for a reply. "250-" begins one of several lines, "250 " is the last.
   Returns its number. */
static int hear(void)
{
    int code = 0;
    do {
        if (fgets(answer, sizeof answer, control) == NULL)
            errx(1, "the server has gone: %s", feof(control) ? "end of file" :
                 strerror(errno));
        answer[strcspn(answer, "\r\n")] = '\0';
        bool numbered = strspn(answer, "0123456789") == 3;
        if (code == 0 && numbered)
            code = atoi(answer);
        if (code == 0)
            errx(1, "this is not FTP: %s", answer);
        if (numbered && atoi(answer) == code && answer[3] != '-')
            return code;
    } while (true);
}

/* Say a command, wait for its reply. */
static __attribute__((format(printf, 1, 2))) int say(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line - 2, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof line - 2 || strpbrk(line, "\r\n") != NULL)
        errx(1, "that is no name of a file: %s", line);
    memcpy(line + n, "\r\n", 2);
    if (send(fileno(control), line, (size_t)n + 2, 0) != n + 2)
        err(1, "send");
    return hear();
}

static _Noreturn void refused(const char *what)
{
    errx(1, "%s: the server says: %s", what, answer);
}

/* Who we are: NAME:PASSWORD. */
static void log_in(int port, const char *account)
{
    int name = (int)strcspn(account, ":");
    int fd = connect_to(port);
    if ((control = fdopen(fd, "r")) == NULL)
        err(1, "fdopen");
    if (hear() != 220)
        refused("hello");
    int code = say("USER %.*s", name, account);
    if (code == 331)
        code = say("PASS %s", account[name] == ':' ? account + name + 1 : "");
    if (code != 230)
        refused("log in (-u NAME:PASSWORD)");
    if (say("TYPE I") != 200)
        refused("TYPE I");
}

/* Ask for a data connection, the new way or the old. Its address we do not
   need to hear: it is the server's. */
static int open_data(void)
{
    int port, high, low;
    const char *from;
    if (say("EPSV") == 229 && (from = strchr(answer, '(')) != NULL &&
        sscanf(from, "(|||%d|)", &port) == 1)
        return connect_to(port);
    if (say("PASV") == 227 && (from = strchr(answer, '(')) != NULL &&
        sscanf(from, "(%*d,%*d,%*d,%*d,%d,%d)", &high, &low) == 2)
        return connect_to(high * 256 + low);
    refused("a data connection");
}

/* The number in the reply to SIZE or MDTM; or -1, there is none. */
static long long fact(const char *command, const char *file)
{
    return say("%s %s", command, file) == 213 ? atoll(answer + 4) : -1;
}

/* ------------------------------------------------------------ the progress */

static const char *moving;        /* the file; NULL: there is no bar */
static long long moved, expected; /* bytes; expected -1: who knows */
static long long at_first;        /* bytes that were there before */
static long long began, drawn;    /* ms */

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*  33% [##########                    ] 120.0 of 360.0 MB  95.2 MB/s  name
   A narrow terminal cuts it off: a line that wraps could not be redrawn. */
static void draw_bar(bool last)
{
    static const char full[] = "##############################";
    long long time = now();
    if (moving == NULL || (!last && time - drawn < TICK_MS))
        return;
    drawn = time;

    struct winsize window = { .ws_col = 0 };
    ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    int columns = window.ws_col > 0 ? window.ws_col : 80;
    double seconds = (double)(time - began + 1) / 1e3;
    double size = (double)(expected > moved ? expected : moved);
    double part = size > 0 ? (double)moved / size : 1;
    char line[160];
    snprintf(line, sizeof line, "%3.0f%% [%-*.*s] %.1f of %.1f MB  %.1f MB/s"
             "  %.60s", 100 * part, (int)sizeof full - 1,
             (int)(part * (sizeof full - 1)), full, (double)moved / 1e6,
             size / 1e6, (double)(moved - at_first) / 1e6 / seconds, moving);
    fprintf(stderr, "\r%.*s\033[K%s", columns - 1, line, last ? "\n" : "");
}

static void begin_bar(const char *name, long long from, long long to)
{
    const char *slash = strrchr(name, '/');
    moving = isatty(STDERR_FILENO) ? slash == NULL ? name : slash + 1 : NULL;
    at_first = moved = from;
    expected = to;
    began = now();
}

static void progress(long long bytes)
{
    moved += bytes;
    draw_bar(false);
}

/* ----------------------------------------------------------- the transfers */

/* A list's lines end with CR LF: here they need only LF. */
static ssize_t without_returns(char *bytes, ssize_t length)
{
    ssize_t left = 0;
    for (ssize_t i = 0; i < length; i++)
        if (bytes[i] != '\r')
            bytes[left++] = bytes[i];
    return left;
}

/* All from one fd to another, until the end. On one side is the network: its
   trouble is told, and then the server's reply says more. Ours is the end. */
static bool move_all(int from, int to, bool from_network)
{
    static char bytes[CHUNK];
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && !from_network)
            err(1, "read");
        if (n < 0)
            return false;
        if (to == STDOUT_FILENO)
            n = without_returns(bytes, n);
        for (ssize_t done = 0, wrote; done < n; done += wrote)
            if ((wrote = write(to, bytes + done, (size_t)(n - done))) < 0) {
                if (from_network)
                    err(1, "write");
                if (errno != EINTR)
                    return false;
                wrote = 0;
            }
        progress(n);
    }
    return true;
}

/* A command that moves a file or a list: 150 when it begins; then, when all
   has moved and the data connection is closed, 226. file: ours. from: begin at
   this byte. */
static void transfer(const char *command, const char *name, int file,
                     long long from)
{
    bool fetch = strcmp(command, "STOR") != 0;
    int data = open_data();
    if (from > 0 && say("REST %lld", from) != 350)
        refused("REST");
    int code = say(*name == '\0' ? "%s" : "%s %s", command, name);
    if (code / 100 != 1)
        refused(name);
    bool whole = fetch ? move_all(data, file, true) :
                 move_all(file, data, false);
    int reason = errno;
    close(data); /* of a file that we bring it is the end */
    code = hear();
    if (moving != NULL)
        draw_bar(true);
    if (code / 100 != 2)
        refused(name);
    if (!whole)
        errx(1, "%s: data connection: %s", name, strerror(reason));
}

static void list(const char *directory)
{
    transfer("LIST", directory, STDOUT_FILENO, 0);
}

/* The time of its last change as MDTM tells it: YYYYMMDDHHMMSS. */
static long long changed(const struct stat *file)
{
    char text[sizeof "YYYYMMDDHHMMSS"];
    struct tm utc = { .tm_year = 0 };
    gmtime_r(&file->st_mtime, &utc);
    strftime(text, sizeof text, "%Y%m%d%H%M%S", &utc);
    return atoll(text);
}

/* Where to go on: at the end of what came the last time, unless the server's
   file is another by now. */
static long long part_of(int part, const char *name, long long size)
{
    struct stat ours;
    long long time = fact("MDTM", name);
    if (fstat(part, &ours) == 0 && ours.st_size <= size && time >= 0 &&
        time < changed(&ours))
        return ours.st_size;
    if (ftruncate(part, 0) < 0)
        err(1, "ftruncate");
    return 0;
}

static void get(const char *name, const char *as)
{
    char part[LINE_SIZE];
    if ((size_t)snprintf(part, sizeof part, "%s.part", as) >= sizeof part)
        errx(1, "too long a name: %s", as);
    long long size = fact("SIZE", name);
    if (size < 0)
        refused(name);
    int file = open(part, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0)
        err(1, "%s", part);
    long long from = part_of(file, name, size);
    begin_bar(name, from, size);
    transfer("RETR", name, file, from);
    if (moved < size)
        errx(1, "%s: only %lld of %lld bytes have come", name, moved, size);
    if (close(file) < 0 || rename(part, as) < 0)
        err(1, "%s", as);
}

static void put(const char *file_name, const char *as, bool resume)
{
    struct stat ours;
    bool is_input = strcmp(file_name, "-") == 0;
    int file = is_input ? STDIN_FILENO : open(file_name, O_RDONLY);
    if (file < 0 || fstat(file, &ours) < 0)
        err(1, "%s", file_name);
    long long size = S_ISREG(ours.st_mode) ? (long long)ours.st_size : -1;
    long long from = resume ? fact("SIZE", as) : 0;
    if (from > size && size >= 0)
        errx(1, "%s: the server's is longer than ours", as);
    if (from < 0)
        from = 0; /* it has none yet */
    if (from > 0 && lseek(file, from, SEEK_SET) < 0)
        err(1, "%s", file_name);
    begin_bar(file_name, from, size);
    transfer("STOR", as, file, from);
}

/* ----------------------------------------------------------------- usage */

static int number(const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        errx(2, "'%s' is not a number from %d to %d\n%s", text, least, most,
             USAGE);
    return (int)n;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

int main(int argc, char **argv)
{
    const char *account = "anonymous:nobody@";
    int port = DEFAULT_PORT;
    bool resume = false;
    int option;
    while ((option = getopt(argc, argv, "p:u:c")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 1, 65535); break;
        case 'u': account = optarg; break;
        case 'c': resume = true; break;
        default: errx(2, USAGE);
        }
    int left = argc - optind;
    const char *command = left > 0 ? argv[optind] : "";
    const char *name = left > 1 ? argv[optind + 1] : "";
    const char *as = left > 2 ? argv[optind + 2] : base_of(name);
    bool lists = strcmp(command, "ls") == 0;
    bool gets = strcmp(command, "get") == 0;
    if ((!lists && !gets && strcmp(command, "put") != 0) ||
        left > (lists ? 2 : 3) || (!lists && (*name == '\0' || *as == '\0')) ||
        strcmp(as, "-") == 0)
        errx(2, USAGE);

    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    log_in(port, account);
    if (lists)
        list(name);
    else if (gets)
        get(name, as);
    else
        put(name, as, resume);
    say("QUIT");
    return 0;
}
