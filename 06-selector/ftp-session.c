/*
 * ftp-session: one FTP client's stay; what it is for stands in ftp-session.h.
 *
 * Look at go_on(), with which each callback ends: what a session waits for
 * follows from its state, and from nothing else.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ftp-commands.h"
#include "ftp-session.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0 /* Linux' own; elsewhere HUP has to do */
#endif

enum {
    MAX_WRONG = 3,      /* passwords, and the session is over */
    WRONG_TIME = 1000,  /* ms until a wrong password is answered */
    LEAVE_TIME = 2000,  /* ms for a client to take its last reply and leave */
    FULL_TIME = 1000,   /* ms without an fd until we ask again */
    SETTLE_TIME = 50,   /* ms between the end of an upload and its success */
    DATA_BACKLOG = 8,   /* so that one stranger is not enough to fill it */
};

#define NEVER INT64_MAX

struct settings settings;

static struct session *sessions;        /* all of them */
static int64_t nearest_time = NEVER;    /* ms: no deadline is before this */
static int64_t full_until;              /* ms: no fd was left; or 0 */

static void go_on(struct session *s);
static void on_control(const struct selector_key *key, int ready);
static void on_knock(const struct selector_key *key, int ready);
static void on_data(const struct selector_key *key, int ready);

/* ------------------------------------------------------------------- time */

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void look_again_at(int64_t time)
{
    nearest_time = time < nearest_time ? time : nearest_time;
}

/* Each session has one deadline, which is put off all the time; nearest_time
   is not. So it may come too early: then we look at all, and know better. */
static void due_in(struct session *s, int64_t ms)
{
    s->deadline = now() + ms;
    look_again_at(s->deadline);
}

int session_timeout(void)
{
    int64_t left = nearest_time - now();
    return nearest_time == NEVER ? -1 : left < 0 ? 0 :
           left > INT32_MAX ? INT32_MAX : (int)left;
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

void reply(struct session *s, const char *format, ...)
{
    char text[REPLY_SIZE];
    const size_t room = sizeof text - 2; /* CR LF */
    va_list arguments;
    va_start(arguments, format);
    size_t length = (size_t)vsnprintf(text, room, format, arguments);
    va_end(arguments);
    if (length >= room)
        length = room - 1;
    LOG("%s: reply: %.*s", s->name, (int)strcspn(text, "\r"), text);
    memcpy(text + length, "\r\n", 2);
    length += 2;
    char *owed = realloc(s->owed, s->owed_size + length);
    if (owed == NULL) {
        s->over = true;
        return;
    }
    memcpy(owed + s->owed_size, text, length);
    s->owed = owed;
    s->owed_size += length;
    pay(s);
}

void reply_failed(struct session *s, const char *file)
{
    int reason = errno;
    int code = reason == ENOSPC || reason == EDQUOT ? 452 :
               reason == EFBIG ? 552 :
               reason == EMFILE || reason == ENFILE || reason == ENOMEM ||
               reason == EIO ? 451 : 550;
    reply(s, "%d %s: %s", code, file, strerror(reason));
}

/* ------------------------------------------------------- data connections */

static void close_fd(int *fd)
{
    if (*fd < 0)
        return;
    selector_unregister(settings.selector, *fd);
    close(*fd);
    *fd = -1;
    full_until = 0; /* there is room for another */
}

/* Whatever there is of a data connection ends; its transfer, too. */
static void drop_data(struct session *s)
{
    if (s->transfer != NULL)
        LOG("%s: transfer: %lld bytes", s->name, transfer_moved(s->transfer));
    transfer_free(s->transfer);
    s->transfer = NULL;
    s->complete = false;
    close_fd(&s->listener);
    close_fd(&s->data);
}

int session_open_data_port(struct session *s)
{
    struct sockaddr_in address = s->own;
    socklen_t size = sizeof address;
    address.sin_port = 0; /* any free one */
    drop_data(s);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (s->listener >= 0 &&
        bind(s->listener, (struct sockaddr *)&address, size) == 0 &&
        listen(s->listener, DATA_BACKLOG) == 0 &&
        fcntl(s->listener, F_SETFL, O_NONBLOCK) == 0 &&
        getsockname(s->listener, (struct sockaddr *)&address, &size) == 0 &&
        selector_register(settings.selector, s->listener, SELECTOR_READ,
                          on_knock, s) == 0)
        return ntohs(address.sin_port);
    reply(s, "425 No data port: %s", strerror(errno));
    close_fd(&s->listener);
    return 0;
}

void session_transfer(struct session *s, struct transfer *t, const char *file)
{
    off_t from = s->restart;
    s->restart = 0;
    if (t == NULL) {
        if (errno == EINVAL)
            reply(s, "554 %s has no byte %lld", file, (long long)from);
        else
            reply_failed(s, file);
        drop_data(s);
        return;
    }
    s->transfer = t;
    reply(s, "150 Here it goes");
    due_in(s, s->data < 0 ? settings.data_ms : settings.idle_ms);
}

static void end_transfer(struct session *s, const char *line)
{
    drop_data(s);
    reply(s, "%s", line);
    due_in(s, settings.idle_ms);
}

/* The file is at fault, or the disk: errno tells. */
static void fail_transfer(struct session *s)
{
    reply_failed(s, "The file");
    drop_data(s);
    due_in(s, settings.idle_ms);
}

/* An upload has come, and the client is still there. */
static void publish(struct session *s)
{
    /* Ask now: we may have been busy, or not have listened. */
    struct pollfd end = { .fd = s->control, .events = POLLRDHUP };
    if (poll(&end, 1, 0) != 0)
        s->over = true;
    else if (transfer_publish(s->transfer) < 0)
        fail_transfer(s);
    else
        end_transfer(s, "226 There it is");
}

void session_abort(struct session *s)
{
    if (s->transfer != NULL)
        end_transfer(s, "426 Transfer aborted");
    drop_data(s);
}

/* A connection to the data port is this session's. False: there is none. */
static bool take_data(struct session *s, int fd)
{
    s->data = fd;
    if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
        selector_register(settings.selector, fd, SELECTOR_READ, on_data,
                          s) == 0)
        return true;
    LOG("%s: no data connection: %s", s->name, strerror(errno));
    close_fd(&s->data);
    return false;
}

/* Somebody is at the data port. Only the client itself may come in: another
   one could fetch its file, or leave one in its name. (Who shares its address
   can; in FTP nothing tells them apart.) One comes, then nobody listens. */
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
        LOG("%s: data port: %s is a stranger", s->name,
            inet_ntoa(peer.sin_addr));
        close(fd);
        return;
    }
    int reason = errno;
    close_fd(&s->listener);
    errno = reason;
    if (!take_data(s, fd) && s->transfer != NULL)
        end_transfer(s, "425 No data connection");
    else if (s->transfer != NULL)
        due_in(s, settings.idle_ms);
    go_on(s);
}

/* ---------------------------------------------------------------- control */

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

static bool has_room(const struct session *s)
{
    return s->line_size < sizeof s->line;
}

/* Keep what has come, as far as there is room. After the last reply nothing
   of it counts but its end. */
static void hear(struct session *s)
{
    char bytes[LINE_SIZE];
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

/* Control characters are in no command. In the log they could do anything to
   the terminal; in a reply they could end it. */
static bool is_text(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 127)
            return false;
    return length > 0;
}

/* Take the next line of those that have come, if it is its time. */
static bool next_line(struct session *s, char *line)
{
    char *end = memchr(s->line, '\n', s->line_size);
    if (end == NULL)
        return false;
    size_t length = (size_t)(end - s->line);
    memcpy(line, s->line, length);
    if (length > 0 && line[length - 1] == '\r')
        length--;
    line[length] = '\0';
    if (s->transfer != NULL && !command_is_urgent(line))
        return false;
    s->line_size -= (size_t)(end + 1 - s->line);
    memmove(s->line, end + 1, s->line_size);
    if (s->overlong || !is_text(line, length)) {
        reply(s, "500 That is no command");
        *line = '\0';
    }
    s->overlong = false;
    return true;
}

/* Obey what has come, as far as it is its time. Only a whole line puts off the
   deadline: who sends a byte now and then is idle. */
static void obey_lines(struct session *s)
{
    char line[LINE_SIZE];
    while (!s->over && !s->leaving && !s->penalised && s->owed == NULL &&
           next_line(s, line)) {
        if (*line != '\0')
            command_obey(s, line);
        if (s->transfer == NULL && !s->leaving && !s->penalised)
            due_in(s, settings.idle_ms);
    }
    if (!has_room(s) && s->transfer == NULL && s->owed == NULL &&
        !s->penalised) {
        s->line_size = 0; /* a line without end: wait for that */
        s->overlong = true;
    }
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

/* A turn of a transfer. Half a file ends like a whole one: a client that dies
   closes both its connections, perhaps this one first. So we wait a moment
   before we believe it. Who is alive waits for our reply. */
static void on_data(const struct selector_key *key, int ready)
{
    struct session *s = key->data;
    (void)ready;
    switch (transfer_turn(s->transfer, key->fd)) {
    case TRANSFER_GOES_ON:
        due_in(s, settings.idle_ms);
        break;
    case TRANSFER_BLOCKED:
        break;
    case TRANSFER_SENT:
        end_transfer(s, "226 There it is");
        break;
    case TRANSFER_RECEIVED:
        close_fd(&s->data);
        s->complete = true;
        due_in(s, SETTLE_TIME);
        break;
    case TRANSFER_BROKEN:
        LOG("%s: data connection: %s", s->name, strerror(errno));
        end_transfer(s, "426 Data connection broken");
        break;
    case TRANSFER_FAILED:
        fail_transfer(s);
        break;
    }
    go_on(s);
}

/* --------------------------------------------------------------- sessions */

static void end_session(struct session *s)
{
    drop_data(s);
    LOG("%s: close", s->name);
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
    return s->penalised || !has_room(s) ? 0 : SELECTOR_READ;
}

/* ... and on its data connection. */
static int data_events(const struct session *s)
{
    if (s->transfer == NULL)
        return 0;
    return transfer_wants_write(s->transfer) ? SELECTOR_WRITE : SELECTOR_READ;
}

/* Something has happened to a session. Whatever it was: go on from where it is
   now. After this it may be no more. */
static void go_on(struct session *s)
{
    obey_lines(s);
    if (s->leaving && s->owed == NULL)
        shutdown(s->control, SHUT_WR);
    if (s->over ||
        selector_modify(settings.selector, s->control, control_events(s),
                        on_control, s) < 0 ||
        (s->data >= 0 && selector_modify(settings.selector, s->data,
                                         data_events(s), on_data, s) < 0))
        end_session(s);
}

/* If we closed at once, with bytes of the client's still unread, that would be
   a reset, which can overtake the reply. So it is the client that closes. */
void reply_and_leave(struct session *s, const char *line)
{
    drop_data(s);
    reply(s, "%s", line);
    s->leaving = true;
    s->line_size = 0;
    due_in(s, LEAVE_TIME);
}

/* Until the reply nothing more is heard of it. */
void session_penalise(struct session *s)
{
    s->wrong++;
    s->penalised = true;
    due_in(s, WRONG_TIME);
}

static void end_penalty(struct session *s)
{
    s->penalised = false;
    if (s->wrong >= MAX_WRONG) {
        reply_and_leave(s, "421 Wrong again, that is enough");
        return;
    }
    reply(s, "530 Wrong name or password");
    due_in(s, settings.idle_ms);
}

/* Its deadline has come. */
static void run_out(struct session *s)
{
    if (s->leaving)
        s->over = true;
    else if (s->penalised)
        end_penalty(s);
    else if (s->complete)
        publish(s);
    else if (s->transfer != NULL && s->data < 0)
        end_transfer(s, "425 You did not open the data connection");
    else if (s->transfer != NULL)
        end_transfer(s, "426 Nothing has moved for too long");
    else
        reply_and_leave(s, "421 You have nothing to do, it seems");
    go_on(s);
}

void session_look_at_clock(void)
{
    int64_t time = now();
    if (time < nearest_time)
        return;
    nearest_time = full_until > time ? full_until : NEVER;
    for (struct session *s = sessions, *next; s != NULL; s = next) {
        next = s->next;
        if (s->deadline <= time)
            run_out(s);
        else
            look_again_at(s->deadline);
    }
}

static void begin_session(struct session *s, int fd,
                          const struct sockaddr_in *peer)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &(int){ 1 }, sizeof(int));
    s->control = fd;
    s->listener = s->data = -1;
    s->peer = *peer;
    snprintf(s->name, sizeof s->name, "%s:%d", inet_ntoa(peer->sin_addr),
             ntohs(peer->sin_port));
    s->next = sessions;
    s->link = &sessions;
    if (sessions != NULL)
        sessions->link = &s->next;
    sessions = s;
    LOG("%s: accept: fd %d", s->name, fd);
    reply(s, "220 06-selector/ftp-server");
    due_in(s, settings.idle_ms);
    go_on(s);
}

/* Without an fd for it, a client stays in the backlog until we close one, or
   for a while: it may be others who have them. */
void session_welcome(const struct selector_key *listener, int ready)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd = accept(listener->fd, (struct sockaddr *)&peer, &size);
    (void)ready;
    if (fd < 0) {
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
            return;
        LOG("accept: %s", strerror(errno));
        full_until = now() + FULL_TIME;
        look_again_at(full_until);
        return;
    }
    struct session *s = calloc(1, sizeof *s);
    size = sizeof s->own;
    if (s != NULL && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
        getsockname(fd, (struct sockaddr *)&s->own, &size) == 0 &&
        selector_register(settings.selector, fd, SELECTOR_READ, on_control,
                          s) == 0) {
        begin_session(s, fd, &peer);
        return;
    }
    LOG("refused: %s", strerror(errno));
    close(fd);
    free(s);
}

bool session_none_fits(void)
{
    return full_until != 0 && now() < full_until;
}

void session_end_all(void)
{
    while (sessions != NULL) {
        reply(sessions, "421 The server ends");
        end_session(sessions);
    }
}
