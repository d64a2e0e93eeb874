/*
 * session: one FTP client. session.h says what it does; the head of server.c
 * lists the modules.
 *
 * Look at update(), with which each callback ends: what the server waits for
 * follows from the session's state, and from nothing else.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accounts.h"
#include "deadline.h"
#include "log.h"
#include "session.h"

#ifndef POLLRDHUP
#define POLLRDHUP POLLHUP /* only Linux has it */
#endif

enum {
    MAX_COMMANDS = 16,      /* in one turn; then other clients get theirs */
    MAX_WRONG = 3,          /* wrong passwords: then the session ends */
    QUIT_TIME = 5000,       /* ms without a byte of a transfer, after QUIT */
    CLOSING_TIME = 2000,    /* ms for a client to close after the last reply */
    RECEIVED_TIME = 50,     /* ms from the end of an upload to publish() */
};

static struct session *sessions; /* the list of all */

static void update(struct session *s);
static void on_control(const struct selector_key *key, int ready);

/* A session's deadline often moves to a later time, and the earlier one stays
   in the module deadline. So the loop may wake up too early, and then
   session_check_deadlines() adds the new one. */
static void set_deadline(struct session *s, int64_t ms)
{
    s->deadline = now_ms() + ms;
    deadline_add(s->deadline);
}

/* A command has run, or bytes of a transfer have moved. Commands do not keep
   a session that is not logged in. */
static void set_idle_deadline(struct session *s)
{
    int64_t ms = s->settings->idle_ms;
    if (!s->logged_in && s->login_deadline - now_ms() < ms)
        ms = s->login_deadline - now_ms();
    if (s->quits && QUIT_TIME < ms)
        ms = QUIT_TIME;
    set_deadline(s, ms);
}

/* The kernel has the end of the control connection, also where the server did
   not read that connection. */
static bool client_has_left(const struct session *s)
{
    struct pollfd end = { .fd = s->control, .events = POLLRDHUP };
    return poll(&end, 1, 0) != 0;
}

/* ---------------------------------------------------------------- replies */

void reply(struct session *s, const char *format, ...)
{
    char text[REPLY_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    LOG("%s: reply: %.*s", s->name, (int)strcspn(text, "\r"), text);
    if (replies_send(&s->replies, text) < 0) {
        LOG("%s: send: %s", s->name, strerror(errno));
        s->finished = true;
    }
}

void reply_error(struct session *s, const char *file)
{
    int reason = errno;
    int code = reason == ENOSPC || reason == EDQUOT ? 452 :
               reason == EFBIG ? 552 :
               reason == EMFILE || reason == ENFILE || reason == ENOMEM ||
               reason == EIO ? 451 : 550;
    reply(s, "%d %s: %s", code, file, strerror(reason));
}

/* -------------------------------------------------------------- transfers */

static void close_data(struct session *s)
{
    if (data_is_open(&s->data))
        s->settings->on_free_fd();
    data_close(&s->data);
    s->received = false;
}

int session_open_port(struct session *s)
{
    close_data(s);
    int port = data_open_port(&s->data);
    if (port < 0)
        reply(s, "425 No data port: %s", strerror(errno));
    return port < 0 ? 0 : port;
}

void session_transfer(struct session *s, struct transfer *t, const char *file)
{
    if (t == NULL) {
        if (errno == EINVAL)
            reply(s, "554 %s has no byte %lld", file,
                  (long long)s->from_last.restart);
        else
            reply_error(s, file);
        close_data(s);
        return;
    }
    data_start(&s->data, t);
    reply(s, "150 The transfer begins");
    if (s->data.connection < 0)
        set_deadline(s, s->settings->data_ms);
    else
        set_idle_deadline(s);
}

static void end_transfer(struct session *s, const char *line)
{
    close_data(s);
    reply(s, "%s", line);
    set_idle_deadline(s);
}

/* The file or the disk is the cause: errno says which error. */
static void fail_transfer(struct session *s)
{
    reply_error(s, "The file");
    close_data(s);
    set_idle_deadline(s);
}

void session_abort(struct session *s)
{
    if (s->data.transfer != NULL)
        end_transfer(s, "426 Transfer aborted");
    close_data(s);
}

/* An upload is complete, if the client is still there. */
static void publish(struct session *s)
{
    if (client_has_left(s))
        s->finished = true;
    else if (transfer_publish(s->data.transfer) < 0)
        fail_transfer(s);
    else
        end_transfer(s, "226 Transfer complete");
}

/* The client has closed the data connection of an upload. The end of half a
   file looks like the end of a whole one. But the kernel closes both
   connections of a client that dies, and the control connection 0.02 ms later
   at most times; 41 ms later, if eight busy processes share two cores. So wait
   for it before publish(). If ALLO has told the number of bytes, there is
   nothing to wait for. */
static void receive_end(struct session *s)
{
    s->settings->on_free_fd();
    s->received = true;
    if (transfer_is_whole(s->data.transfer))
        publish(s);
    else
        set_deadline(s, RECEIVED_TIME);
}

static void on_data(void *owner, enum data_event event)
{
    struct session *s = owner;
    switch (event) {
    case DATA_NOT_CONNECTED:
        s->settings->on_free_fd();
        LOG("%s: no data connection: %s", s->name, strerror(errno));
        if (s->data.transfer != NULL)
            end_transfer(s, "425 No data connection");
        break;
    case DATA_CONNECTED:
    case DATA_MOVED:
        if (s->data.transfer != NULL)
            set_idle_deadline(s);
        break;
    case DATA_SENT:
        end_transfer(s, "226 Transfer complete");
        break;
    case DATA_RECEIVED:
        receive_end(s);
        break;
    case DATA_BROKEN:
        LOG("%s: data connection: %s", s->name, strerror(errno));
        end_transfer(s, "426 The data connection is broken");
        break;
    case DATA_FAILED:
        fail_transfer(s);
        break;
    }
    update(s);
}

/* --------------------------------------------------------------- commands */

/* Remove the first line, if it may run now. line is "" if it was no command.
   During a transfer the commands wait, and ABOR must not wait behind them. */
static bool next_line(struct session *s, char *line)
{
    if (s->data.transfer != NULL)
        lines_move_to_front(&s->lines, "ABOR");
    enum lines_result result = lines_first(&s->lines, line);
    if (result == LINES_NONE)
        return false;
    int64_t wait = s->settings->wait(s, line);
    if (wait > 0) {
        s->delay = DELAY_ACCOUNT;
        set_deadline(s, wait);
    }
    if (wait != 0)
        return false;
    lines_remove(&s->lines);
    if (result == LINES_INVALID)
        *line = '\0';
    return true;
}

static bool may_run(const struct session *s)
{
    return !s->finished && !s->closing && s->delay == DELAY_NONE &&
           !replies_pending(&s->replies);
}

/* Run the commands that have come, as far as they may run now. Only a whole
   line moves the deadline: a client that sends a byte now and then is idle. */
static void run_commands(struct session *s)
{
    char line[LINES_SIZE];
    int count = 0;
    while (count < MAX_COMMANDS && may_run(s) && next_line(s, line)) {
        s->from_last = s->for_next;
        s->for_next = (struct handover){ .restart = 0 };
        if (*line != '\0')
            s->settings->run(s, line);
        else
            reply(s, "500 This is not a command");
        if (s->data.transfer == NULL && !s->closing && s->delay == DELAY_NONE)
            set_idle_deadline(s);
        count++;
    }
    s->more = count == MAX_COMMANDS;
}

/* QUIT waits until the transfer has ended (RFC 959). But the client does not
   wait for it any more, so a transfer that has stopped ends soon. */
static void watch_for_quit(struct session *s)
{
    if (s->data.transfer == NULL || s->quits || !lines_has(&s->lines, "QUIT"))
        return;
    s->quits = true;
    if (s->deadline > now_ms() + QUIT_TIME)
        set_deadline(s, QUIT_TIME);
}

/* ----------------------------------------------------- control connection */

/* Read once. After the last reply only the end of the connection matters. */
static void read_control(struct session *s)
{
    char bytes[LINES_SIZE];
    size_t room = lines_room(&s->lines);
    ssize_t n = recv(s->control, bytes,
                     room < sizeof bytes ? room : sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        LOG("%s: recv: %s", s->name, n < 0 ? strerror(errno) : "end of file");
        s->finished = true;
    } else if (!s->closing && lines_add(&s->lines, bytes, (size_t)n) < 0) {
        LOG("%s: %s", s->name, strerror(errno));
        s->finished = true;
    }
}

static void on_control(const struct selector_key *key, int ready)
{
    struct session *s = key->data;
    if ((ready & SELECTOR_WRITE) == 0)
        read_control(s);
    else if (replies_pending(&s->replies) && replies_flush(&s->replies) < 0) {
        LOG("%s: send: %s", s->name, strerror(errno));
        s->finished = true;
    }
    update(s);
}

/* What to watch the control connection for. If there are more lines, it needs
   only another turn: a socket is nearly always writable. */
static int control_events(const struct session *s)
{
    if (replies_pending(&s->replies) || s->more)
        return SELECTOR_WRITE;
    return s->delay != DELAY_NONE || lines_room(&s->lines) == 0 ? 0 :
           SELECTOR_READ;
}

/* --------------------------------------------------------------- sessions */

static void end_session(struct session *s)
{
    close_data(s);
    LOG("%s: close", s->name);
    selector_unregister(s->settings->selector, s->control);
    close(s->control);
    s->settings->on_free_fd();
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    replies_free(&s->replies);
    lines_clear(&s->lines);
    free(s);
}

/* Something has happened to the session: run the commands that may run now,
   and watch what it waits for now. This may free s. */
static void update(struct session *s)
{
    run_commands(s);
    watch_for_quit(s);
    if (s->closing && !replies_pending(&s->replies))
        shutdown(s->control, SHUT_WR);
    if (s->finished || data_watch(&s->data) < 0 ||
        selector_modify(s->settings->selector, s->control, control_events(s),
                        on_control, s) < 0)
        end_session(s);
}

/* If the server closed a connection that has unread bytes, the kernel would
   send a reset, which can destroy the reply. So the client closes first. */
void reply_and_close(struct session *s, const char *line)
{
    close_data(s);
    reply(s, "%s", line);
    s->closing = true;
    lines_clear(&s->lines);
    set_deadline(s, CLOSING_TIME);
}

void session_log_out(struct session *s)
{
    s->login_deadline = now_ms() + s->settings->login_ms;
    s->logged_in = false;
}

void session_wrong_password(struct session *s)
{
    s->wrong_passwords++;
    s->delay = DELAY_PASSWORD;
    accounts_close(s->user);
    set_deadline(s, ACCOUNTS_TIME);
}

static void end_delay(struct session *s)
{
    bool wrong = s->delay == DELAY_PASSWORD;
    s->delay = DELAY_NONE;
    if (client_has_left(s))
        s->finished = true; /* no client waits for the reply */
    else if (wrong && s->wrong_passwords >= MAX_WRONG)
        reply_and_close(s, "421 Too many wrong passwords");
    else if (wrong)
        reply(s, "530 Wrong name or password");
    else if (s->login_deadline <= now_ms())
        reply_and_close(s, "421 No login for too long");
    if (!s->closing)
        set_idle_deadline(s);
}

static void on_deadline(struct session *s)
{
    if (s->closing)
        s->finished = true;
    else if (s->delay != DELAY_NONE)
        end_delay(s);
    else if (s->received)
        publish(s);
    else if (s->data.transfer != NULL && s->data.connection < 0)
        end_transfer(s, "425 The data connection was not opened in time");
    else if (s->data.transfer != NULL)
        end_transfer(s, "426 The transfer has stopped for too long");
    else
        reply_and_close(s, s->logged_in ? "421 No command for too long" :
                                          "421 No login for too long");
    update(s);
}

void session_check_deadlines(void)
{
    int64_t time = now_ms();
    if (!deadline_passed())
        return;
    for (struct session *s = sessions, *next; s != NULL; s = next) {
        next = s->next;
        if (s->deadline <= time)
            on_deadline(s);
        else
            deadline_add(s->deadline);
    }
}

/* A new session for this connection. NULL: an error, see errno. */
static struct session *new_session(const struct settings *settings, int fd,
                                   const struct sockaddr_in *peer)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    socklen_t size = sizeof s->own;
    s->settings = settings;
    s->control = s->replies.fd = fd;
    snprintf(s->name, sizeof s->name, "%s:%d", inet_ntoa(peer->sin_addr),
             ntohs(peer->sin_port));
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        getsockname(fd, (struct sockaddr *)&s->own, &size) < 0 ||
        selector_register(settings->selector, fd, SELECTOR_READ, on_control,
                          s) < 0) {
        int reason = errno;
        free(s);
        errno = reason;
        return NULL;
    }
    s->data = (struct data){
        .selector = settings->selector, .own = s->own, .peer = *peer,
        .client = s->name, .on_event = on_data, .owner = s,
        .listener = -1, .connection = -1,
    };
    return s;
}

void session_begin(const struct settings *settings, int fd,
                   const struct sockaddr_in *peer)
{
    struct session *s = new_session(settings, fd, peer);
    if (s == NULL) {
        LOG("refuse a client: %s", strerror(errno));
        close(fd);
        return;
    }
    LOG("%s: accept: fd %d", s->name, s->control);
    setsockopt(s->control, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    setsockopt(s->control, SOL_SOCKET, SO_OOBINLINE, &(int){ 1 }, sizeof(int));
    s->next = sessions;
    s->link = &sessions;
    if (sessions != NULL)
        sessions->link = &s->next;
    sessions = s;
    reply(s, "220 06-selector/ftp/server");
    session_log_out(s);
    set_idle_deadline(s);
    update(s);
}

void session_end_all(void)
{
    while (sessions != NULL) {
        reply(sessions, "421 The server ends");
        end_session(sessions);
    }
}
