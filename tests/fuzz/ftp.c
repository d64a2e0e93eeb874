/*
 * ftp: any bytes as commands to the FTP server. See tests/fuzz.sh.
 *
 * The whole server runs in a thread of this program, on a directory that is
 * removed at the end; each input is one session. The first byte of an input:
 * bit 0, log in as tom first, or not; bit 1, log in as a guest, who may only
 * read. What must hold: the sanitizers find nothing, and the replies are lines
 * that end in CR LF, without control characters, of which the last of a reply
 * begins with a code.
 */
#define _GNU_SOURCE /* nftw() */
#define main ftp_main
#include "../../06-selector/ftp/server.c"
#undef main
#include <ftw.h>
#include <pthread.h>

enum {
    LISTENER_FDS = 64, /* the listener is one of the first fds */
    FIRST = 10000,     /* ms: the first reply comes in this time */
    SILENCE = 20,      /* ms without a reply: there will be no more */
    SESSIONS = 500,    /* then remove what they have made */
};

static char root[] = "/tmp/fuzz-ftp-XXXXXX";
static int port;

static void *serve(void *unused)
{
    static char account[] = "tom:secret"; /* the server cuts it */
    static char *words[] = { "ftp", "-q", "-a", "-p", "0", "-u", account,
                             "-r", root, NULL };
    (void)unused;
    optind = 1;
    ftp_main(sizeof words / sizeof *words - 1, words);
    return NULL;
}

static int remove_one(const char *path, const struct stat *found, int kind,
                      struct FTW *place)
{
    (void)found;
    (void)kind;
    return place->level == 0 ? 0 : remove(path);
}

static void empty_root(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_root(void)
{
    empty_root();
    rmdir(root);
}

/* The port of the socket that listens in this process; 0: there is none. */
static int find_port(void)
{
    for (int fd = 3; fd < LISTENER_FDS; fd++) {
        struct sockaddr_in address;
        socklen_t size = sizeof address, length = sizeof(int);
        int listens = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0
            && listens && getsockname(fd, (struct sockaddr *)&address, &size)
            == 0)
            return ntohs(address.sin_port);
    }
    return 0;
}

static void start_server(void)
{
    pthread_t thread;
    if (mkdtemp(root) == NULL)
        err(1, "mkdtemp");
    atexit(remove_root);
    if (freopen("/dev/null", "w", stdout) == NULL ||
        pthread_create(&thread, NULL, serve, NULL) != 0)
        errx(1, "no server");
    /* libFuzzer's timer would interrupt connect() and poll() here. What
     * hangs is seen by poll()'s own deadline. */
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    while ((port = find_port()) == 0)
        usleep(1000);
}

static int connect_to(int to)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)to),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        err(1, "connect");
    /* close() sends a RST, so that no port stays in TIME_WAIT */
    setsockopt(fd, SOL_SOCKET, SO_LINGER,
               &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
    return fd;
}

static void must(bool right, const char *what, const char *line)
{
    if (right)
        return;
    fprintf(stderr, "ftp: %s: %s\n", what, line);
    abort();
}

/* Check the lines of replies, which this cuts. */
static void check_replies(char *text, size_t length)
{
    char *line = text, *end;
    bool inside = false; /* in a reply of several lines */
    for (; (end = memchr(line, '\n', length)) != NULL; line = end + 1) {
        length -= (size_t)(end + 1 - line);
        must(end > line && end[-1] == '\r', "no CR LF", line);
        end[-1] = '\0';
        must(strlen(line) == (size_t)(end - 1 - line), "a zero byte", line);
        for (char *c = line; *c != '\0'; c++)
            must((unsigned char)*c >= ' ' && *c != 127, "a control byte",
                  line);
        bool code = strspn(line, "0123456789") == 3;
        must(inside || code, "no code", line);
        inside = (inside && !(code && line[3] == ' ')) ||
                 (code && line[3] == '-');
    }
}

/* Read replies until the end of the connection, or until silence. */
static void read_replies(int fd)
{
    static char text[256 * 1024];
    size_t length = 0;
    struct pollfd readable = { .fd = fd, .events = POLLIN };
    while (length < sizeof text &&
           poll(&readable, 1, length == 0 ? FIRST : SILENCE) == 1) {
        ssize_t n = recv(fd, text + length, sizeof text - length, 0);
        if (n <= 0)
            break;
        length += (size_t)n;
    }
    must(length > 0, "no reply", "");
    check_replies(text, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char tom[] = "USER tom\r\nPASS secret\r\n";
    static const char guest[] = "USER ftp\r\nPASS x\r\n";
    static long sessions;
    if (size == 0)
        return 0;
    if (port == 0)
        start_server();
    int fd = connect_to(port);
    if (bytes[0] & 1)
        send(fd, tom, sizeof tom - 1, MSG_NOSIGNAL);
    else if (bytes[0] & 2)
        send(fd, guest, sizeof guest - 1, MSG_NOSIGNAL);
    send(fd, bytes + 1, size - 1, MSG_NOSIGNAL);
    send(fd, "\r\nQUIT\r\n", 8, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    read_replies(fd);
    close(fd);
    if (++sessions % SESSIONS == 0)
        empty_root();
    return 0;
}
