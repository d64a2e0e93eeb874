/*
 * ftp-server: the homework, an FTP server for many users in one thread.
 *
 *     06-selector/ftp-server [-p PORT] [-r ROOT] [-u NAME:PASSWORD]... [-a]
 *                            [-b BACKEND] [-t SECONDS] [-q]
 *     curl -u tom:secret -T FILE ftp://127.0.0.1:2121/      and so on
 *
 * Look at the table of commands: what this server can. Then at go_on(), with
 * which each callback ends: what a session waits for follows from its state
 * and nothing else. A transfer moves one chunk in a turn, so a large one is
 * in nobody's way (ftp-transfer.h); a path never leads out of ROOT, and an
 * upload is there when it is complete (ftp-tree.h).
 *
 * RFC 959, with 2228's wish to be refused, 2389, 2428 (EPSV) and 3659 (MLSD).
 * Left out on purpose: PORT, by which a client has a server connect to others;
 * encryption; wildcards. The notes: 作业, SELECT版FTP.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ftp-transfer.h"
#include "ftp-tree.h"
#include "selector.h"

#define LESSON "06-selector"
#define DEFAULT_ROOT "build/ftp"
#define USAGE "usage: " LESSON "/ftp-server [-p PORT (2121; 0: any free)] " \
              "[-r ROOT (" DEFAULT_ROOT ")]\n" \
              "       [-u NAME:PASSWORD]... [-a (anonymous may read)]\n" \
              "       [-b epoll|kqueue|poll|select] " \
              "[-t SECONDS (300; idle that long: 421)] [-q (no log)]"

enum {
    DEFAULT_PORT = 2121,
    MAX_FDS = 1024 * 1024,
    MAX_ACCOUNTS = 100,
    NAME_SIZE = 64,         /* bytes of a user's name, its 0 included */
    LINE_SIZE = 1280,       /* bytes of a command: a path, and then some */
    REPLY_SIZE = 4 * 1024,  /* bytes: no reply is longer */
    MAX_WRONG = 3,          /* passwords, and the session is over */
    WRONG_DELAY = 1000,     /* ms until a wrong password is answered */
    IDLE_TIME = 300,        /* seconds without a command or a byte: the end */
    DATA_TIME = 30 * 1000,  /* ms for a client to open its data connection */
    LEAVE_TIME = 2000,      /* ms for it to take our last reply and leave */
    FULL_TIME = 1000,       /* ms without an fd until we ask again */
};

#define NEVER INT64_MAX

struct account {
    const char *name, *password;
};

/* One client's. Where it may be: a name is given, or not; logged_in; leaving.
   And beside that: no data port, one (listener), a connection (data); and a
   transfer, or none. */
struct session {
    struct session *next, **link; /* in the list of all, and who leads here */
    char name[sizeof "255.255.255.255:65535"]; /* for the log */
    struct sockaddr_in peer, own;
    int64_t deadline; /* ms: then run_out() */

    int control;
    char line[LINE_SIZE]; /* commands not yet obeyed */
    size_t line_size;
    bool overlong;        /* we drop a command that was too long ... */
    int telnet;           /* ... and bytes that are Telnet's: how far */
    char *owed;           /* replies the kernel had no room for, or NULL */
    size_t owed_size;
    bool leaving; /* its last reply is said: until it closes */
    bool over;    /* nothing more: go_on() ends the session */

    char user[NAME_SIZE]; /* claimed, and with logged_in known */
    bool logged_in, read_only;
    bool penalised; /* a wrong password's answer waits for the deadline */
    int wrong;      /* passwords so far */

    char directory[TREE_PATH];
    char renamed[TREE_PATH]; /* by RNFR, until RNTO; or "" */
    bool ascii;              /* TYPE A */
    off_t restart;           /* from REST: where the next transfer begins */
    bool only_epsv;          /* after EPSV ALL */

    int listener; /* the data port, or -1 */
    int data;     /* the data connection, or -1 */
    struct transfer *transfer;
};

static struct session *sessions;
static struct selector *selector;
static struct account accounts[MAX_ACCOUNTS];
static int account_count;
static bool anonymous, quiet;
static int64_t idle_time = IDLE_TIME * 1000, data_time = DATA_TIME;
static int64_t nearest = NEVER; /* ms: no deadline is before this */
static int64_t full_until;      /* ms: no fd was left, so accept nobody */
static int farewell[2];         /* a pipe: a signal came */

static void go_on(struct session *s);
static void on_control(const struct selector_key *key, int ready);
static void on_knock(const struct selector_key *key, int ready);
static void on_data(const struct selector_key *key, int ready);

/* A line of the log: where in this file, and what happened there. */
#define LOG(format, ...) \
    ((void)(quiet || printf("%s:%d: " format "\n", \
                            __FILE__, __LINE__, __VA_ARGS__)))

/* ------------------------------------------------------------------- time */

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Each session has one deadline; it may be put off at will. nearest is not:
   so it may come too early, and then we look at all of them. */
static void due_in(struct session *s, int64_t ms)
{
    s->deadline = now() + ms;
    if (s->deadline < nearest)
        nearest = s->deadline;
}

/* For selector_select(): how long to sleep. */
static int until_nearest(void)
{
    int64_t left = nearest - now();
    return nearest == NEVER ? -1 : left <= 0 ? 0 :
           left > 1000000000 ? 1000000000 : (int)left;
}

/* ---------------------------------------------------------------- replies */

/* Send what is owed, as far as there is room. */
static void pay(struct session *s)
{
    ssize_t n = send(s->control, s->owed, s->owed_size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        LOG("%s: send: %s", s->name, strerror(errno));
        s->over = true;
        return;
    }
    s->owed_size -= (size_t)n;
    memmove(s->owed, s->owed + n, s->owed_size);
    if (s->owed_size == 0) {
        free(s->owed);
        s->owed = NULL;
    }
}

/* Reply a line (or several with CR LF between them; the last one's end is
   ours). While one is owed no more commands are obeyed: so little is owed. */
static __attribute__((format(printf, 2, 3)))
void say(struct session *s, const char *format, ...)
{
    char reply[REPLY_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(reply, sizeof reply - 2, format, arguments);
    va_end(arguments);
    size_t length = (size_t)n < sizeof reply - 3 ? (size_t)n :
                    sizeof reply - 3;
    LOG("%s: reply: %.*s", s->name, (int)strcspn(reply, "\r\n"), reply);
    memcpy(reply + length, "\r\n", 2);
    length += 2;
    char *owed = realloc(s->owed, s->owed_size + length);
    if (owed == NULL) {
        s->over = true;
        return;
    }
    memcpy(owed + s->owed_size, reply, length);
    s->owed = owed;
    s->owed_size += length;
    pay(s);
}

/* Say the last thing. Then we wait for the client to close: if we closed first
   with bytes of its still unread, our reset could overtake our reply. */
static void take_leave(struct session *s, const char *reply)
{
    say(s, "%s", reply);
    s->leaving = true;
    due_in(s, LEAVE_TIME);
}

/* Something about a file failed: the reply to that. */
static void say_failed(struct session *s, const char *what)
{
    int reason = errno;
    int code = reason == ENOSPC || reason == EDQUOT ? 452 :
               reason == EFBIG ? 552 :
               reason == EMFILE || reason == ENFILE || reason == ENOMEM ||
               reason == EIO ? 451 : 550;
    say(s, "%d %.*s: %s", code, TREE_PATH, what, strerror(reason));
}

/* ------------------------------------------------------- data connections */

static void close_fd(int *fd)
{
    if (*fd < 0)
        return;
    selector_unregister(selector, *fd);
    close(*fd);
    *fd = -1;
    full_until = 0; /* there is room for another */
}

/* Whatever there is of a data connection ends; its transfer, too. */
static void drop_data(struct session *s)
{
    transfer_free(s->transfer);
    s->transfer = NULL;
    close_fd(&s->listener);
    close_fd(&s->data);
}

static void end_transfer(struct session *s, const char *reply)
{
    LOG("%s: transfer: %lld bytes", s->name, transfer_moved(s->transfer));
    drop_data(s);
    if (reply != NULL)
        say(s, "%s", reply);
    due_in(s, idle_time);
}

/* Open a data port, for one connection. Returns its number, or 0: said so. */
static int open_data_port(struct session *s)
{
    struct sockaddr_in address = s->own;
    socklen_t size = sizeof address;
    address.sin_port = 0;
    drop_data(s);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (s->listener >= 0 &&
        bind(s->listener, (struct sockaddr *)&address, size) == 0 &&
        listen(s->listener, 8) == 0 &&
        fcntl(s->listener, F_SETFL, O_NONBLOCK) == 0 &&
        getsockname(s->listener, (struct sockaddr *)&address, &size) == 0 &&
        selector_register(selector, s->listener, SELECTOR_READ, on_knock,
                          s) == 0)
        return ntohs(address.sin_port);
    say(s, "425 No data port: %s", strerror(errno));
    close_fd(&s->listener);
    return 0;
}

/* Somebody is at the data port. Only the client itself may come in: who else
   would get its file, or have it get another. One comes; then it is closed. */
static void on_knock(const struct selector_key *key, int ready)
{
    struct session *s = key->data;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd = accept(key->fd, (struct sockaddr *)&peer, &size);
    (void)ready;
    if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED ||
                   errno == EINTR))
        return;
    if (fd >= 0 && peer.sin_addr.s_addr != s->peer.sin_addr.s_addr) {
        LOG("%s: data port: a stranger, %s: refused", s->name,
            inet_ntoa(peer.sin_addr));
        close(fd);
        return;
    }
    int reason = errno;
    close_fd(&s->listener);
    s->data = fd;
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        selector_register(selector, fd, 0, on_data, s) < 0) {
        LOG("%s: data connection: %s", s->name,
            strerror(fd < 0 ? reason : errno));
        if (s->transfer != NULL)
            end_transfer(s, "425 No data connection");
        else
            close_fd(&s->data);
    } else if (s->transfer != NULL)
        due_in(s, idle_time);
    go_on(s);
}

/* Has the client gone? One that dies closes both its connections, and half a
   file is no upload, though its end looks like any other. */
static bool has_left(const struct session *s)
{
    char byte;
    ssize_t n = recv(s->control, &byte, 1, MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* A turn of a transfer. */
static void on_data(const struct selector_key *key, int ready)
{
    struct session *s = key->data;
    (void)ready;
    switch (transfer_turn(s->transfer, key->fd)) {
    case TRANSFER_GOES_ON:
        due_in(s, idle_time);
        break;
    case TRANSFER_BLOCKED:
        break;
    case TRANSFER_ENDED:
        if (has_left(s))
            s->over = true;
        else if (transfer_finish(s->transfer) == 0)
            end_transfer(s, "226 Transfer complete");
        else {
            say_failed(s, "the file");
            end_transfer(s, NULL);
        }
        break;
    case TRANSFER_BROKEN:
        LOG("%s: data connection: %s", s->name, strerror(errno));
        end_transfer(s, "426 Data connection broken, transfer aborted");
        break;
    case TRANSFER_FAILED:
        say_failed(s, "the file");
        end_transfer(s, NULL);
        break;
    }
    go_on(s);
}

/* --------------------------------------------------------------- commands */

enum {
    ANYONE = 1,  /* also before USER and PASS */
    CHANGES = 2, /* not for who may only read */
    WORD = 4,    /* needs an argument */
    AT_ONCE = 8, /* also while a transfer runs; others wait for its end */
    DATA = 16,   /* needs a data port, or a connection */
};

struct command {
    const char *name;
    void (*run)(struct session *, char *argument);
    int needs;
    const char *usage;
};

/* The path that the client means; false, and said so: there can be none. */
static bool find(struct session *s, char *path, const char *name)
{
    if (tree_join(path, s->directory, name) == 0)
        return true;
    say(s, "553 That cannot be a name: %s", strerror(errno));
    return false;
}

/* Reply with a path in quotes; those in it are doubled. */
static void say_path(struct session *s, const char *path, const char *what)
{
    char quoted[2 * TREE_PATH], *to = quoted;
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '"')
            *to++ = '"';
        *to++ = *c;
    }
    *to = '\0';
    say(s, "257 \"%s\" %s", quoted, what);
}

/* Who are you? */

static void do_user(struct session *s, char *name)
{
    s->logged_in = false;
    snprintf(s->user, sizeof s->user, "%.*s", NAME_SIZE - 1, name);
    s->read_only = anonymous && (strcasecmp(name, "anonymous") == 0 ||
                                 strcasecmp(name, "ftp") == 0);
    say(s, s->read_only ? "331 Anonymous: any password will do" :
        "331 And the password?");
}

/* Compare all of it, always: the time it takes tells nothing. */
static bool is_password(const char *given, const char *right)
{
    size_t length = strlen(given), wrong = length ^ strlen(right);
    for (size_t i = 0; i < length && *right != '\0'; i++)
        wrong |= (size_t)(given[i] ^ right[i % strlen(right)]);
    return wrong == 0;
}

static void do_pass(struct session *s, char *password)
{
    if (s->user[0] == '\0' || s->logged_in) {
        say(s, "503 First USER");
        return;
    }
    s->logged_in = s->read_only;
    for (int i = 0; i < account_count; i++)
        if (strcmp(accounts[i].name, s->user) == 0 &&
            is_password(password, accounts[i].password)) {
            s->logged_in = true;
            s->read_only = false;
        }
    if (s->logged_in) {
        snprintf(s->directory, sizeof s->directory, "/");
        say(s, "230 Welcome");
        return;
    }
    s->wrong++;
    s->penalised = true; /* run_out() answers */
    due_in(s, WRONG_DELAY);
}

static void do_quit(struct session *s, char *argument)
{
    (void)argument;
    take_leave(s, "221 Bye");
}

/* What are you? */

static void do_syst(struct session *s, char *argument)
{
    (void)argument;
    say(s, "215 UNIX Type: L8");
}

static void do_feat(struct session *s, char *argument)
{
    (void)argument;
    say(s, "211-Features:\r\n EPSV\r\n MDTM\r\n MLST type*;size*;modify*;\r\n"
        " REST STREAM\r\n SIZE\r\n TVFS\r\n UTF8\r\n211 End");
}

static void do_opts(struct session *s, char *option)
{
    if (strcasecmp(option, "UTF8") == 0 || strcasecmp(option, "UTF8 ON") == 0)
        say(s, "200 Names are bytes here, so UTF-8 is fine");
    else
        say(s, "501 No such option");
}

static void do_noop(struct session *s, char *argument)
{
    (void)argument;
    say(s, "200 Yes?");
}

/* How files travel */

static void do_type(struct session *s, char *type)
{
    bool ascii = strcasecmp(type, "A") == 0 || strcasecmp(type, "A N") == 0;
    if (!ascii && strcasecmp(type, "I") != 0 && strcasecmp(type, "L 8") != 0) {
        say(s, "504 A or I");
        return;
    }
    s->ascii = ascii;
    say(s, "200 Type %c", ascii ? 'A' : 'I');
}

static void do_stru(struct session *s, char *structure)
{
    say(s, strcasecmp(structure, "F") == 0 ? "200 File" : "504 Only F");
}

static void do_mode(struct session *s, char *mode)
{
    say(s, strcasecmp(mode, "S") == 0 ? "200 Stream" : "504 Only S");
}

static void do_rest(struct session *s, char *from)
{
    char *end;
    errno = 0;
    long long offset = strtoll(from, &end, 10);
    if (*from < '0' || *from > '9' || *end != '\0' || errno != 0)
        say(s, "501 That is no number of bytes");
    else if (s->ascii && offset > 0)
        say(s, "504 Bytes are counted in TYPE I only");
    else {
        s->restart = (off_t)offset;
        say(s, "350 From byte %lld", offset);
    }
}

static void do_pasv(struct session *s, char *argument)
{
    uint32_t own = ntohl(s->own.sin_addr.s_addr);
    int port;
    (void)argument;
    if (s->only_epsv)
        say(s, "522 EPSV ALL was your wish");
    else if ((port = open_data_port(s)) != 0)
        say(s, "227 Entering Passive Mode (%u,%u,%u,%u,%d,%d)", own >> 24,
            own >> 16 & 255, own >> 8 & 255, own & 255, port >> 8, port & 255);
}

static void do_epsv(struct session *s, char *family)
{
    int port;
    if (strcasecmp(family, "ALL") == 0) {
        s->only_epsv = true;
        say(s, "200 EPSV from now on");
    } else if (*family != '\0' && strcmp(family, "1") != 0)
        say(s, "522 Only IPv4, use (1)");
    else if ((port = open_data_port(s)) != 0)
        say(s, "229 Entering Extended Passive Mode (|||%d|)", port);
}

static void do_port(struct session *s, char *argument)
{
    (void)argument;
    say(s, "502 This server does not call back: PASV or EPSV, please");
}

/* Directories */

static void do_pwd(struct session *s, char *argument)
{
    (void)argument;
    say_path(s, s->directory, "is where you are");
}

static void do_cwd(struct session *s, char *name)
{
    char path[TREE_PATH];
    struct stat found;
    if (!find(s, path, name))
        return;
    int result = tree_stat(path, &found);
    if (result == 0 && !S_ISDIR(found.st_mode)) {
        result = -1;
        errno = ENOTDIR;
    }
    if (result < 0) {
        say_failed(s, name);
        return;
    }
    snprintf(s->directory, sizeof s->directory, "%s", path);
    say(s, "250 Directory changed");
}

static void do_cdup(struct session *s, char *argument)
{
    (void)argument;
    do_cwd(s, (char[]){ ".." });
}

static void do_mkd(struct session *s, char *name)
{
    char path[TREE_PATH];
    if (!find(s, path, name))
        return;
    if (tree_make_directory(path) < 0)
        say_failed(s, name);
    else
        say_path(s, path, "is there now");
}

/* The reply where a call returned this: done, or not. */
static void say_result(struct session *s, const char *name, int result)
{
    if (result < 0)
        say_failed(s, name);
    else
        say(s, "250 Done");
}

static void do_rmd(struct session *s, char *name)
{
    char path[TREE_PATH];
    if (find(s, path, name))
        say_result(s, name, tree_remove_directory(path));
}

static void do_dele(struct session *s, char *name)
{
    char path[TREE_PATH];
    if (find(s, path, name))
        say_result(s, name, tree_remove_file(path));
}

static void do_rnfr(struct session *s, char *name)
{
    char path[TREE_PATH];
    struct stat found;
    if (!find(s, path, name))
        return;
    if (tree_stat(path, &found) < 0) {
        say_failed(s, name);
        return;
    }
    snprintf(s->renamed, sizeof s->renamed, "%s", path);
    say(s, "350 And its new name?");
}

static void do_rnto(struct session *s, char *name)
{
    char path[TREE_PATH];
    if (s->renamed[0] == '\0')
        say(s, "503 First RNFR");
    else if (find(s, path, name))
        say_result(s, name, tree_rename(s->renamed, path));
    s->renamed[0] = '\0';
}

/* Facts */

static void do_size(struct session *s, char *name)
{
    char path[TREE_PATH];
    struct stat found;
    if (s->ascii)
        say(s, "550 Bytes are counted in TYPE I only");
    else if (find(s, path, name)) {
        if (tree_stat(path, &found) < 0)
            say_failed(s, name);
        else if (!S_ISREG(found.st_mode))
            say(s, "550 That is no file");
        else
            say(s, "213 %lld", (long long)found.st_size);
    }
}

static void do_mdtm(struct session *s, char *name)
{
    char path[TREE_PATH], modified[sizeof "YYYYMMDDHHMMSS"];
    struct stat found;
    if (!find(s, path, name))
        return;
    if (tree_stat(path, &found) < 0) {
        say_failed(s, name);
        return;
    }
    transfer_time(modified, &found);
    say(s, "213 %s", modified);
}

static void do_mlst(struct session *s, char *name)
{
    char path[TREE_PATH], line[2 * TREE_PATH];
    struct stat found;
    if (!find(s, path, name))
        return;
    if (tree_stat(path, &found) < 0) {
        say_failed(s, name);
        return;
    }
    transfer_line(line, sizeof line, TRANSFER_MLSD, "", path, &found);
    say(s, "250-About it:\r\n %s250 End", line);
}

/* Transfers */

/* It begins, with its first turn or, before that, the data connection. */
static void begin(struct session *s, struct transfer *t, const char *name)
{
    s->restart = 0;
    if (t == NULL) {
        if (errno == EINVAL)
            say(s, "554 %s has no such byte", name);
        else
            say_failed(s, name);
        drop_data(s);
        return;
    }
    s->transfer = t;
    say(s, "150 Here we go");
    due_in(s, s->data < 0 ? data_time : idle_time);
}

static void send_list(struct session *s, char *name, enum transfer_list style)
{
    char path[TREE_PATH];
    while (style != TRANSFER_MLSD && *name == '-') { /* ls options: -la */
        name += strcspn(name, " ");
        name += strspn(name, " ");
    }
    if (find(s, path, name))
        begin(s, transfer_list(path, style, name), *name ? name : path);
}

static void do_list(struct session *s, char *name)
{
    send_list(s, name, TRANSFER_LIST);
}

static void do_nlst(struct session *s, char *name)
{
    send_list(s, name, TRANSFER_NLST);
}

static void do_mlsd(struct session *s, char *name)
{
    char path[TREE_PATH];
    struct stat found;
    if (find(s, path, name) && tree_stat(path, &found) == 0 &&
        !S_ISDIR(found.st_mode))
        say(s, "501 That is no directory");
    else
        send_list(s, name, TRANSFER_MLSD);
}

static void do_retr(struct session *s, char *name)
{
    char path[TREE_PATH];
    if (find(s, path, name))
        begin(s, transfer_send(path, s->restart, s->ascii), name);
}

static void do_stor(struct session *s, char *name)
{
    char path[TREE_PATH];
    if (find(s, path, name))
        begin(s, transfer_receive(path, s->restart, s->ascii), name);
}

static void do_appe(struct session *s, char *name)
{
    char path[TREE_PATH];
    if (find(s, path, name))
        begin(s, transfer_receive(path, -1, s->ascii), name);
}

static void do_abor(struct session *s, char *argument)
{
    (void)argument;
    if (s->transfer != NULL)
        end_transfer(s, "426 Transfer aborted");
    drop_data(s);
    say(s, "226 Aborted");
}

static void do_help(struct session *s, char *argument);

static const struct command commands[] = {
    { "USER", do_user, ANYONE | WORD, "NAME" },
    { "PASS", do_pass, ANYONE, "PASSWORD" },
    { "QUIT", do_quit, ANYONE, "" },
    { "HELP", do_help, ANYONE, "" },
    { "SYST", do_syst, ANYONE, "" },
    { "FEAT", do_feat, ANYONE, "" },
    { "OPTS", do_opts, ANYONE | WORD, "UTF8 ON" },
    { "NOOP", do_noop, ANYONE | AT_ONCE, "" },
    { "TYPE", do_type, WORD, "A|I" },
    { "STRU", do_stru, WORD, "F" },
    { "MODE", do_mode, WORD, "S" },
    { "REST", do_rest, WORD, "BYTES" },
    { "PASV", do_pasv, 0, "" },
    { "EPSV", do_epsv, 0, "[1|ALL]" },
    { "PORT", do_port, 0, "" },
    { "EPRT", do_port, 0, "" },
    { "PWD", do_pwd, 0, "" },
    { "XPWD", do_pwd, 0, "" },
    { "CWD", do_cwd, WORD, "DIRECTORY" },
    { "CDUP", do_cdup, 0, "" },
    { "MKD", do_mkd, CHANGES | WORD, "DIRECTORY" },
    { "RMD", do_rmd, CHANGES | WORD, "DIRECTORY" },
    { "DELE", do_dele, CHANGES | WORD, "FILE" },
    { "RNFR", do_rnfr, CHANGES | WORD, "PATH" },
    { "RNTO", do_rnto, CHANGES | WORD, "PATH" },
    { "SIZE", do_size, WORD, "FILE" },
    { "MDTM", do_mdtm, WORD, "PATH" },
    { "MLST", do_mlst, 0, "[PATH]" },
    { "LIST", do_list, DATA, "[PATH]" },
    { "NLST", do_nlst, DATA, "[PATH]" },
    { "MLSD", do_mlsd, DATA, "[DIRECTORY]" },
    { "RETR", do_retr, DATA | WORD, "FILE" },
    { "STOR", do_stor, DATA | CHANGES | WORD, "FILE" },
    { "APPE", do_appe, DATA | CHANGES | WORD, "FILE" },
    { "ABOR", do_abor, AT_ONCE, "" },
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void do_help(struct session *s, char *argument)
{
    char text[REPLY_SIZE / 2] = "";
    size_t length = 0;
    (void)argument;
    for (int i = 0; i < COMMANDS; i++)
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   " %s %s\r\n", commands[i].name,
                                   commands[i].usage);
    say(s, "214-These commands:\r\n%s214 End", text);
}

/* ---------------------------------------------------------------- control */

static const struct command *command_of(const char *line)
{
    size_t length = strcspn(line, " ");
    for (int i = 0; i < COMMANDS; i++)
        if (strlen(commands[i].name) == length &&
            strncasecmp(line, commands[i].name, length) == 0)
            return &commands[i];
    return NULL;
}

/* Obey a line, or refuse. */
static void obey(struct session *s, char *line)
{
    const struct command *c = command_of(line);
    char *argument = line + strcspn(line, " ");
    argument += *argument == ' ';
    LOG("%s: %.*s", s->name, c != NULL && c->run == do_pass ? 4 : LINE_SIZE,
        line);
    if (!s->logged_in && (c == NULL || (c->needs & ANYONE) == 0))
        say(s, "530 First USER and PASS");
    else if (c == NULL)
        say(s, "502 Not here; HELP tells what is");
    else if ((c->needs & WORD) != 0 && *argument == '\0')
        say(s, "501 %s %s", c->name, c->usage);
    else if ((c->needs & CHANGES) != 0 && s->read_only)
        say(s, "550 You may only read");
    else if ((c->needs & DATA) != 0 && s->listener < 0 && s->data < 0)
        say(s, "425 First PASV or EPSV");
    else
        c->run(s, argument);
}

/* Take the next command from those that have come, if it is its time. */
static bool next_line(struct session *s, char *line)
{
    char *end = memchr(s->line, '\n', s->line_size);
    if (end == NULL)
        return false;
    size_t length = (size_t)(end - s->line);
    memcpy(line, s->line, length);
    line[length] = '\0';
    if (length > 0 && line[length - 1] == '\r')
        line[--length] = '\0';
    const struct command *c = command_of(line);
    if (s->transfer != NULL && (c == NULL || (c->needs & AT_ONCE) == 0))
        return false;
    s->line_size -= (size_t)(end + 1 - s->line);
    memmove(s->line, end + 1, s->line_size);
    if (s->overlong || strlen(line) < length || length == 0) {
        say(s, "500 That is no command");
        *line = '\0';
    }
    s->overlong = false;
    return true;
}

/* Obey what has come, as far as it is its time. */
static void obey_lines(struct session *s)
{
    char line[LINE_SIZE];
    while (!s->over && !s->leaving && !s->penalised && s->owed == NULL &&
           next_line(s, line)) {
        if (*line != '\0')
            obey(s, line);
        if (s->transfer == NULL && !s->leaving && !s->penalised)
            due_in(s, idle_time);
    }
}

/* FTP speaks Telnet, in theory. In practice some say IAC IP IAC DM before an
   ABOR, with urgent bytes. Returns whether the byte belongs to such. */
static bool is_telnet(struct session *s, unsigned char byte)
{
    enum { TEXT, COMMAND, OPTION, IAC = 255, WILL = 251 };
    int before = s->telnet;
    s->telnet = TEXT;
    if (before == OPTION)
        return true;
    if (before == COMMAND && byte >= WILL && byte < IAC)
        s->telnet = OPTION;
    if (before == TEXT && byte == IAC)
        s->telnet = COMMAND;
    return before == COMMAND ? byte != IAC : byte == IAC;
}

/* Keep what has come. Of an endless line we keep its end, to know it. */
static void hear(struct session *s)
{
    char bytes[LINE_SIZE];
    if (s->line_size == sizeof s->line && s->transfer == NULL) {
        s->line_size = 0;
        s->overlong = true;
    }
    ssize_t n = recv(s->control, bytes, sizeof s->line - s->line_size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        LOG("%s: recv: %s", s->name, n < 0 ? strerror(errno) : "end of file");
        s->over = true;
        return;
    }
    for (ssize_t i = 0; i < n && !s->leaving; i++)
        if (!is_telnet(s, (unsigned char)bytes[i]))
            s->line[s->line_size++] = bytes[i];
}

static void on_control(const struct selector_key *key, int ready)
{
    struct session *s = key->data;
    if ((ready & SELECTOR_WRITE) != 0)
        pay(s);
    else
        hear(s);
    go_on(s);
}

/* --------------------------------------------------------------- sessions */

static void end_session(struct session *s)
{
    LOG("%s: close", s->name);
    drop_data(s);
    close_fd(&s->control);
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    free(s->owed);
    free(s);
}

/* What it waits for on its control connection. */
static int control_events(const struct session *s)
{
    if (s->owed != NULL)
        return SELECTOR_WRITE;
    if (s->penalised)
        return 0;
    return s->line_size < sizeof s->line || s->transfer == NULL ?
           SELECTOR_READ : 0;
}

/* Something has happened to a session: whatever that was, go on from where it
   is now. It may be gone after this. */
static void go_on(struct session *s)
{
    obey_lines(s);
    if (!s->over && s->leaving && s->owed == NULL)
        shutdown(s->control, SHUT_WR);
    int data = s->transfer == NULL ? 0 :
               transfer_wants_write(s->transfer) ? SELECTOR_WRITE :
               SELECTOR_READ;
    if (s->over ||
        selector_modify(selector, s->control, control_events(s), on_control,
                        s) < 0 ||
        (s->data >= 0 &&
         selector_modify(selector, s->data, data, on_data, s) < 0))
        end_session(s);
}

/* Its deadline has come. */
static void run_out(struct session *s)
{
    if (s->leaving)
        s->over = true;
    else if (s->penalised) {
        s->penalised = false;
        if (s->wrong < MAX_WRONG)
            say(s, "530 Wrong name or password");
        else
            take_leave(s, "421 Wrong once more: bye");
        if (!s->leaving)
            due_in(s, idle_time);
    } else if (s->transfer != NULL && s->data < 0)
        end_transfer(s, "425 You did not open the data connection");
    else if (s->transfer != NULL)
        end_transfer(s, "426 Nothing moved for too long");
    else {
        drop_data(s);
        take_leave(s, "421 Nothing to do for too long: bye");
    }
    go_on(s);
}

/* Whose deadline has come? Mostly nobody looks: nearest has not. */
static void look_at_clock(void)
{
    int64_t time = now();
    if (time < nearest)
        return;
    nearest = full_until > time ? full_until : NEVER;
    for (struct session *s = sessions, *next; s != NULL; s = next) {
        next = s->next;
        if (s->deadline <= time)
            run_out(s);
        else if (s->deadline < nearest)
            nearest = s->deadline;
    }
}

static void begin_session(int fd, const struct sockaddr_in *peer)
{
    struct session *s = calloc(1, sizeof *s);
    socklen_t size = sizeof s->own;
    if (s == NULL || getsockname(fd, (struct sockaddr *)&s->own, &size) < 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        selector_register(selector, fd, 0, on_control, s) < 0) {
        LOG("refused: %s", strerror(errno));
        free(s);
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &(int){ 1 }, sizeof(int));
    s->peer = *peer;
    s->control = fd;
    s->listener = s->data = -1;
    s->next = sessions;
    s->link = &sessions;
    if (sessions != NULL)
        sessions->link = &s->next;
    sessions = s;
    snprintf(s->name, sizeof s->name, "%s:%d", inet_ntoa(peer->sin_addr),
             ntohs(peer->sin_port));
    LOG("%s: accept: fd %d", s->name, fd);
    say(s, "220 " LESSON "/ftp-server");
    due_in(s, idle_time);
    go_on(s);
}

/* A client has come. Without an fd for it, it stays in the backlog until one
   is closed, or for a while: others may have them. */
static void welcome(const struct selector_key *key, int ready)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd = accept(key->fd, (struct sockaddr *)&peer, &size);
    (void)ready;
    if (fd >= 0) {
        begin_session(fd, &peer);
        return;
    }
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
        return;
    LOG("accept: %s", strerror(errno));
    full_until = now() + FULL_TIME;
    if (full_until < nearest)
        nearest = full_until;
}

/* ---------------------------------------------------------- start and end */

/* SIGINT and SIGTERM: uploads have to be dropped, which is no work for a
   signal handler. A byte in a pipe is an event like all others. */
static void note_signal(int signal_number)
{
    int reason = errno;
    (void)signal_number;
    if (write(farewell[1], "", 1) < 0)
        _exit(1); /* never: one signal's byte always finds room */
    errno = reason;
}

static void say_bye(const struct selector_key *key, int ready)
{
    (void)key;
    (void)ready;
    while (sessions != NULL) {
        say(sessions, "421 The server ends");
        end_session(sessions);
    }
    selector_close(selector);
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

/* NAME:PASSWORD. It moves to a place of our own, for ps shows arguments. */
static void add_account(char *text)
{
    char *copy = strdup(text);
    char *colon = copy == NULL ? NULL : strchr(copy, ':');
    if (colon == NULL || colon == copy || colon - copy >= NAME_SIZE ||
        account_count == MAX_ACCOUNTS)
        errx(2, "-u takes NAME:PASSWORD, at most %d times\n%s", MAX_ACCOUNTS,
             USAGE);
    *colon = '\0';
    accounts[account_count++] = (struct account){ copy, colon + 1 };
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

int main(int argc, char **argv)
{
    const char *backend = NULL, *directory = NULL;
    int port = DEFAULT_PORT;
    int option;
    while ((option = getopt(argc, argv, "p:r:u:ab:t:q")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 0, 65535); break;
        case 'r': directory = optarg; break;
        case 'u': add_account(optarg); break;
        case 'a': anonymous = true; break;
        case 'b': backend = optarg; break;
        case 't': idle_time = 1000 * number(optarg, 1, 1000000); break;
        case 'q': quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);
    if (account_count == 0 && !anonymous)
        warnx("nobody can log in: -u NAME:PASSWORD, or -a");
    data_time = idle_time < data_time ? idle_time : data_time;

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    signal(SIGXFSZ, SIG_IGN); /* ... and a write() beyond ulimit -f */
    raise_fd_limit();
    open_root(directory);
    if ((selector = selector_open(backend)) == NULL && errno == EINVAL)
        errx(2, "'%s' is not a backend here; make 06b lists them\n%s",
             backend, USAGE);
    int listener = listen_on(port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* who came may have left */
    if (selector == NULL || pipe(farewell) < 0 ||
        selector_register(selector, farewell[0], SELECTOR_READ, say_bye,
                          NULL) < 0 ||
        selector_register(selector, listener, SELECTOR_READ, welcome,
                          NULL) < 0)
        err(1, "selector");
    signal(SIGINT, note_signal);
    signal(SIGTERM, note_signal);

    for (;;) {
        struct selector_key key;
        int ready;
        selector_modify(selector, listener, now() < full_until ? 0 :
                        SELECTOR_READ, welcome, NULL);
        if (selector_select(selector, until_nearest()) < 0)
            err(1, "selector_select");
        while ((ready = selector_next(selector, &key)) != 0)
            key.callback(&key, ready);
        look_at_clock();
    }
}
