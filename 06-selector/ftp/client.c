/*
 * ftp/client: get, put or list files of an FTP server at 127.0.0.1.
 *
 *     06-selector/ftp/client [-p PORT] [-u NAME:PASSWORD] [-c] COMMAND ...
 *
 *     ls [DIRECTORY]      list the files, as the server sends the list
 *     get FILE [AS]       download a file. It is AS.part until it is complete;
 *                         after an error the next get continues that file
 *     put FILE [AS]       upload a file; "-" is standard input. With -c: the
 *                         server has the beginning of the file, send the rest
 *
 * On a terminal it draws a progress bar. Exit status: 0 done, 1 an error,
 * 2 wrong usage.
 *
 * Look at transfer(): FTP uses two connections, one for commands and replies,
 * and one for each file or list. The transfer is complete only if the data
 * connection has ended and the reply says so. The client blocks in recv() and
 * send(), as the client of lesson 01: it has one server only.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define LESSON "06-selector/ftp"
#define USAGE "usage: " LESSON "/client [-p PORT (2121)] " \
              "[-u NAME:PASSWORD] [-c (continue a put)]\n" \
              "       get FILE [AS] | put FILE [AS] | ls [DIRECTORY]"

enum {
    DEFAULT_PORT = 2121,
    CHUNK = 64 * 1024, /* bytes moved at once */
    LINE_SIZE = 4096,  /* bytes of a command, or of a line of a reply */
    TIMEOUT = 60,      /* seconds to wait for the server */
};

static int control;            /* the connection for commands and replies */
static char answer[LINE_SIZE]; /* the last line of the last reply */

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* ----------------------------------------------------- control connection */

/* A signal has interrupted connect(). The kernel connects all the same: wait
   until the socket is writable, then SO_ERROR has the result (UNP 5.9). */
static bool finish_connect(int fd)
{
    struct pollfd writable = { .fd = fd, .events = POLLOUT };
    while (poll(&writable, 1, -1) < 0 && errno == EINTR)
        continue;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &(socklen_t){ sizeof errno });
    return errno == 0;
}

/* A socket with a timeout: SIGSTOP and SIGCONT interrupt its calls (EINTR),
   even if there is no signal handler (signal(7)). */
static int connect_to(int port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    struct timeval timeout = { .tv_sec = TIMEOUT };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 &&
        !(errno == EINTR && finish_connect(fd)))
        errx(1, "connect to 127.0.0.1:%d: %s; start " LESSON "/server, "
             "or give another server's port with -p", port, strerror(errno));
    return fd;
}

static _Noreturn void end_of_server(ssize_t result)
{
    if (result < 0 && errno == EAGAIN)
        errx(1, "the server has not replied for %d seconds", TIMEOUT);
    errx(1, "the server has closed the connection: %s",
         result == 0 ? "end of file" : strerror(errno));
}

/* Read a line of a reply into answer, without its CR LF. */
static void read_line(void)
{
    static char bytes[LINE_SIZE]; /* received, and not returned yet */
    static size_t size;
    char *end;
    while ((end = memchr(bytes, '\n', size)) == NULL) {
        if (size == sizeof bytes)
            errx(1, "this is not FTP: a line of %zu bytes", size);
        ssize_t n = recv(control, bytes + size, sizeof bytes - size, 0);
        if (n == 0 || (n < 0 && errno != EINTR))
            end_of_server(n);
        size += n > 0 ? (size_t)n : 0;
    }
    size_t length = (size_t)(end - bytes);
    memcpy(answer, bytes, length);
    answer[length] = '\0';
    answer[strcspn(answer, "\r")] = '\0';
    size -= length + 1;
    memmove(bytes, end + 1, size);
}

/* Read a reply: "250-" begins one of several lines, "250 " is the last line.
   Returns its code. */
static int read_reply(void)
{
    int code = 0;
    for (;;) {
        read_line();
        bool has_code = strspn(answer, "0123456789") == 3;
        if (code == 0 && has_code)
            code = atoi(answer);
        if (code == 0)
            errx(1, "this is not FTP: %s", answer);
        if (has_code && atoi(answer) == code && answer[3] != '-')
            return code;
    }
}

/* Send a command. FTP's control connection uses Telnet, where the byte 255
   begins a command (IAC): IAC IAC means a 255 of a name (RFC 854). */
static void send_command(const char *line)
{
    char bytes[2 * LINE_SIZE];
    size_t size = 0;
    for (const char *c = line; *c != '\0'; c++) {
        bytes[size++] = *c;
        if (*c == (char)255)
            bytes[size++] = *c;
    }
    memcpy(bytes + size, "\r\n", 2);
    size += 2;
    for (size_t sent = 0; sent < size; ) {
        ssize_t n = send(control, bytes + sent, size - sent, 0);
        if (n < 0 && errno != EINTR)
            end_of_server(n);
        sent += n > 0 ? (size_t)n : 0;
    }
}

/* Send a command, read its reply. Returns the code. */
static __attribute__((format(printf, 1, 2))) int command(const char *format,
                                                         ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line - 2, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof line - 2 || strpbrk(line, "\r\n") != NULL)
        errx(1, "not a file name for FTP: %s", line);
    send_command(line);
    return read_reply();
}

static _Noreturn void refused(const char *what)
{
    errx(1, "%s: the server says: %s", what, answer);
}

/* account: NAME:PASSWORD */
static void log_in(int port, const char *account)
{
    int name = (int)strcspn(account, ":");
    control = connect_to(port);
    if (read_reply() != 220)
        refused("connect");
    int code = command("USER %.*s", name, account);
    if (code == 331)
        code = command("PASS %s", account[name] == ':' ? account + name + 1 :
                                                         "");
    if (code != 230)
        refused("log in (-u NAME:PASSWORD)");
    if (command("TYPE I") != 200)
        refused("TYPE I");
}

/* Open a data connection by EPSV; an old server knows only PASV. The address
   in that reply is not needed: it is the server's. */
static int open_data(void)
{
    int port, high, low;
    const char *from;
    if (command("EPSV") == 229 && (from = strchr(answer, '(')) != NULL &&
        sscanf(from, "(|||%d|)", &port) == 1)
        return connect_to(port);
    if (command("PASV") == 227 && (from = strchr(answer, '(')) != NULL &&
        sscanf(from, "(%*d,%*d,%*d,%*d,%d,%d)", &high, &low) == 2)
        return connect_to(high * 256 + low);
    refused("open a data connection");
}

/* The number in the reply to SIZE or MDTM; -1: the server has none. */
static long long file_fact(const char *name, const char *file)
{
    return command("%s %s", name, file) == 213 ? atoll(answer + 4) : -1;
}

/* -------------------------------------------------------------- transfers */

/* Remove each CR: the lines of a list end with CR LF. Returns the length. */
static ssize_t remove_cr(char *bytes, ssize_t length)
{
    ssize_t left = 0;
    for (ssize_t i = 0; i < length; i++)
        if (bytes[i] != '\r')
            bytes[left++] = bytes[i];
    return left;
}

static bool write_all(int fd, const char *bytes, ssize_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, bytes, (size_t)length);
        if (n < 0 && errno != EINTR)
            return false;
        bytes += n > 0 ? n : 0;
        length -= n > 0 ? n : 0;
    }
    return true;
}

/* Copy all bytes from one fd to the other. One of them is data. If data fails,
   return false, see errno: the reply says more. If the file fails, exit. */
static bool copy(int from, int to, int data)
{
    static char bytes[CHUNK];
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && from != data)
            err(1, "read");
        if (n < 0)
            return false;
        if (to == STDOUT_FILENO)
            n = remove_cr(bytes, n);
        if (!write_all(to, bytes, n)) {
            if (to != data)
                err(1, "write");
            return false;
        }
        progress_add(n);
    }
    return true;
}

/* Run a command that moves a file or a list. Its first reply is 150, then the
   bytes move, then its second reply is 226. file: the local fd. from: begin at
   this byte. */
static void transfer(const char *verb, const char *name, int file,
                     long long from)
{
    bool uploads = strcmp(verb, "STOR") == 0;
    int data = open_data();
    if (from > 0 && command("REST %lld", from) != 350)
        refused("REST");
    int code = command(*name == '\0' ? "%s" : "%s %s", verb, name);
    if (code / 100 != 1)
        refused(name);
    bool complete = uploads ? copy(file, data, data) : copy(data, file, data);
    int reason = errno;
    close(data); /* for the server this is the end of the file */
    code = read_reply();
    progress_end();
    if (code / 100 != 2)
        refused(name);
    if (!complete)
        errx(1, "%s: data connection: %s", name, strerror(reason));
}

static void list(const char *directory)
{
    transfer("LIST", directory, STDOUT_FILENO, 0);
}

/* The time of the file's last change, as in the reply to MDTM: YYYYMMDDHHMMSS,
   as one number. */
static long long change_time(const struct stat *file)
{
    char text[sizeof "YYYYMMDDHHMMSS"];
    struct tm utc = { .tm_year = 0 };
    gmtime_r(&file->st_mtime, &utc);
    strftime(text, sizeof text, "%Y%m%d%H%M%S", &utc);
    return atoll(text);
}

/* Where to continue: at the end of the part, if the server's file is older
   than it. Else clear the part and return 0. */
static long long end_of_part(int part, const char *name, long long size)
{
    struct stat local;
    long long time = file_fact("MDTM", name);
    if (fstat(part, &local) == 0 && local.st_size <= size && time >= 0 &&
        time < change_time(&local))
        return local.st_size;
    if (ftruncate(part, 0) < 0)
        err(1, "ftruncate");
    return 0;
}

static void get(const char *name, const char *as)
{
    char part[LINE_SIZE];
    if ((size_t)snprintf(part, sizeof part, "%s.part", as) >= sizeof part)
        errx(1, "the name is too long: %s", as);
    long long size = file_fact("SIZE", name);
    if (size < 0)
        refused(name);
    int file = open(part, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0)
        err(1, "%s", part);
    long long from = end_of_part(file, name, size);
    progress_begin(name, from, size);
    transfer("RETR", name, file, from);
    if (progress_bytes() < size)
        errx(1, "%s: only %lld of %lld bytes", name, progress_bytes(), size);
    if (close(file) < 0 || rename(part, as) < 0)
        err(1, "%s", as);
}

static void put(const char *name, const char *as, bool resume)
{
    struct stat local;
    int file = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY);
    if (file < 0 || fstat(file, &local) < 0)
        err(1, "%s", name);
    long long size = S_ISREG(local.st_mode) ? (long long)local.st_size : -1;
    long long from = resume ? file_fact("SIZE", as) : 0;
    if (from > size && size >= 0)
        errx(1, "%s: the server's file is longer", as);
    if (from < 0)
        from = 0; /* the server has no such file yet */
    if (from > 0 && lseek(file, from, SEEK_SET) < 0)
        err(1, "%s", name);
    progress_begin(name, from, size);
    transfer("STOR", as, file, from);
}

/* ------------------------------------------------------------------ usage */

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

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Exit if the words are not a command. as: the name of the new file. */
static void check_command(int count, char **words, const char *as)
{
    if (count == 0)
        errx(2, "there is no command\n%s", USAGE);
    bool lists = strcmp(words[0], "ls") == 0;
    if (!lists && strcmp(words[0], "get") != 0 && strcmp(words[0], "put") != 0)
        errx(2, "'%s' is not a command\n%s", words[0], USAGE);
    if (count > (lists ? 2 : 3))
        errx(2, "unexpected argument '%s'\n%s", words[count - 1], USAGE);
    if (!lists && (count < 2 || *words[1] == '\0' || *as == '\0' ||
                   strcmp(as, "-") == 0))
        errx(2, "%s: the new file needs a name\n%s", words[0], USAGE);
}

int main(int argc, char **argv)
{
    const char *account = "anonymous:nobody@";
    int port = DEFAULT_PORT;
    bool resume = false;
    int option;
    while ((option = getopt(argc, argv, "p:u:c")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 1, 65535); break;
        case 'u': account = optarg; break;
        case 'c': resume = true; break;
        default: errx(2, USAGE);
        }
    char **words = argv + optind;
    int count = argc - optind;
    const char *name = count > 1 ? words[1] : "";
    const char *as = count > 2 ? words[2] : base_name(name);
    check_command(count, words, as);

    open_standard_fds();
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    log_in(port, account);
    if (strcmp(words[0], "ls") == 0)
        list(name);
    else if (strcmp(words[0], "get") == 0)
        get(name, as);
    else
        put(name, as, resume);
    command("QUIT");
    return 0;
}
