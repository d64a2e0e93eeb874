/*
 * control: the client's control connection. control.h says what it does.
 *
 * Look at control_reply(): a reply has one line or several.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "control.h"
#include "text.h"

enum {
    LINE_SIZE = 4096,  /* bytes of a command, or of a line of a reply */
    TIMEOUT = 60,      /* seconds to wait for the server */
    QUIT_TIMEOUT = 2,  /* seconds to wait for the reply to QUIT */
    IAC = 255,         /* Telnet (RFC 854): begins a command; IAC IAC means
                          the byte 255 */
};

static int control;            /* the connection */
static char answer[LINE_SIZE]; /* the last line of the last reply */

/* ------------------------------------------------------------------ bytes */

/* A signal has interrupted connect(). The kernel connects all the same: wait
   until the socket is writable; then getsockopt() writes the result into errno
   (Stevens, UNIX Network Programming, 5.9). */
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
        errx(1, "connect to 127.0.0.1:%d: %s; start 06-selector/ftp/server, "
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

/* Copy a line of a reply to answer, without its CR LF, and with one IAC for
   two. */
static void copy_line(const char *line, size_t length)
{
    char *to = answer;
    for (size_t i = 0; i < length && line[i] != '\r'; i++) {
        *to++ = line[i];
        if (line[i] == (char)IAC && i + 1 < length && line[i + 1] == (char)IAC)
            i++;
    }
    *to = '\0';
}

/* Read a line of a reply into answer. */
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
    copy_line(bytes, length);
    size -= length + 1;
    memmove(bytes, end + 1, size);
}

static void send_line(const char *line)
{
    char bytes[2 * LINE_SIZE];
    size_t size = 0;
    for (const char *c = line; *c != '\0'; c++) {
        bytes[size++] = *c;
        if (*c == (char)IAC)
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

/* --------------------------------------------------- commands and replies */

/* "250-" begins a reply of several lines, "250 " is its last line. */
int control_reply(void)
{
    int code = 0;
    for (;;) {
        read_line();
        bool has_code = strspn(answer, "0123456789") == 3;
        if (code == 0 && has_code)
            code = atoi(answer);
        if (code == 0)
            errx(1, "this is not FTP: %s", text_printable(answer));
        if (has_code && atoi(answer) == code && answer[3] != '-')
            return code;
    }
}

/* The error does not show the line: it may be PASS. */
int control_command(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof line || strpbrk(line, "\r\n") != NULL)
        errx(1, "%.*s: a name or password is too long for FTP, or has a line "
             "feed", (int)strcspn(line, " "), line);
    send_line(line);
    return control_reply();
}

/* The digits at *text, which are at most most; sets *text to their end. -1:
   there are none, or the number is too large. */
static long long read_number(const char **text, long long most)
{
    long long number = 0;
    const char *begin = *text;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        int digit = **text - '0';
        if (number > (most - digit) / 10)
            return -1;
        number = number * 10 + digit;
    }
    return *text == begin ? -1 : number;
}

long long control_number(void)
{
    const char *text = answer + strcspn(answer, " ");
    text += strspn(text, " ");
    return read_number(&text, INT64_MAX);
}

_Noreturn void control_refused(const char *what)
{
    errx(1, "%s: the server says: %s", text_printable(what),
         text_printable(answer));
}

void control_open(int port, const char *account)
{
    int name = (int)strcspn(account, ":");
    control = connect_to(port);
    int code = control_reply();
    if (code / 100 == 1) /* 120: not ready yet, another reply follows */
        code = control_reply();
    if (code != 220)
        control_refused("connect");
    code = control_command("USER %.*s", name, account);
    if (code == 331)
        code = control_command("PASS %s", account[name] == ':' ?
                               account + name + 1 : "");
    if (code / 100 != 2) /* 230; 202: this server asks for no password */
        control_refused("log in (-u NAME:PASSWORD)");
    if (control_command("TYPE I") != 200)
        control_refused("TYPE I");
}

/* Do not let a server that is late, or has gone, make an error of this. */
void control_quit(void)
{
    struct timeval timeout = { .tv_sec = QUIT_TIMEOUT };
    char reply[LINE_SIZE];
    setsockopt(control, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (send(control, "QUIT\r\n", 6, 0) > 0)
        (void)!recv(control, reply, sizeof reply, 0);
}

/* -------------------------------------------------------- data connections */

/* The reply to EPSV: "229 text (|||PORT|)"; another character may stand for
   "|" (RFC 2428). -1: there is no port in it. */
static int epsv_port(void)
{
    const char *text = strchr(answer, '(');
    if (text == NULL || text[1] == '\0' || text[2] != text[1] ||
        text[3] != text[1])
        return -1;
    char end = text[1];
    text += 4;
    long long port = read_number(&text, 65535);
    return *text == end && port > 0 ? (int)port : -1;
}

/* The port in "h1,h2,h3,h4,p1,p2" at the beginning of text, or -1. */
static int six_numbers(const char *text)
{
    long long number[6];
    for (int i = 0; i < 6; i++) {
        number[i] = read_number(&text, 255);
        if (number[i] < 0 || (i < 5 && *text++ != ','))
            return -1;
    }
    int port = (int)(number[4] * 256 + number[5]);
    return port > 0 ? port : -1;
}

/* The reply to PASV: the six numbers may stand anywhere, with parentheses or
   without (RFC 1123, 4.1.2.6). */
static int pasv_port(void)
{
    int port = -1;
    for (const char *text = answer + 3; *text != '\0' && port < 0; text++)
        if (text[-1] < '0' || text[-1] > '9' || text == answer + 3)
            port = six_numbers(text);
    return port;
}

/* An old server knows only PASV. The address in its reply is not needed: it is
   the server's. */
int control_open_data(void)
{
    int port = control_command("EPSV") == 229 ? epsv_port() : -1;
    if (port < 0)
        port = control_command("PASV") == 227 ? pasv_port() : -1;
    if (port < 0)
        control_refused("open a data connection");
    return connect_to(port);
}
