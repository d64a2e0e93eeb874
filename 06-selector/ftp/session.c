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
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadline.h"
#include "log.h"
#include "session.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0 /* only Linux has it; elsewhere POLLHUP has to do */
#endif

enum {
    MAX_WRONG = 3,          /* wrong passwords: then the session ends */
    WRONG_TIME = 1000,      /* ms before the reply to a wrong password */
    CLOSING_TIME = 2000,    /* ms for a client to close after the last reply */
    OUT_OF_FDS_TIME = 1000, /* ms before the next accept() */
    RECEIVED_TIME = 50,     /* ms from the end of an upload to publish() */
};

static struct session *sessions; /* the list of all */
static int64_t out_of_fds_until; /* ms, as now_ms(); 0: there are free fds */

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

/* ---------------------------------------------------------------- replies */

void reply(struct session *s, const char *format, ...)
{
    char text[REPLY_SIZE];
    const size_t room = sizeof text - 2; /* for CR LF */
    va_list arguments;
    va_start(arguments, format);
    size_t length = (size_t)vsnprintf(text, room, format, arguments);
    va_end(arguments);
    if (length >= room)
        length = room - 1;
    LOG("%s: reply: %.*s", s->name, (int)strcspn(text, "\r"), text);
    memcpy(text + length, "\r\n", 2);
    if (replies_send(&s->replies, text, length + 2) < 0) {
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
        out_of_fds_until = 0;
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
    off_t from = s->restart;
    s->restart = 0;
    if (t == NULL) {
        if (errno == EINVAL)
            reply(s, "554 %s has no byte %lld", file, (long long)from);
        else
            reply_error(s, file);
        close_data(s);
        return;
    }
    data_start(&s->data, t);
    reply(s, "150 The transfer begins");
    set_deadline(s, s->data.connection < 0 ? s->settings->data_ms :
                                             s->settings->idle_ms);
}

static void end_transfer(struct session *s, const char *line)
{
    close_data(s);
    reply(s, "%s", line);
    set_deadline(s, s->settings->idle_ms);
}

/* The file or the disk is the cause: errno says which error. */
static void fail_transfer(struct session *s)
{
    reply_error(s, "The file");
    close_data(s);
    set_deadline(s, s->settings->idle_ms);
}

void session_abort(struct session *s)
{
    if (s->data.transfer != NULL)
        end_transfer(s, "426 Transfer aborted");
    close_data(s);
}

/* An upload is complete, if the client is still there. Ask the kernel now: the
   server may have been busy, or did not read the control connection. */
static void publish(struct session *s)
{
    struct pollfd end = { .fd = s->control, .events = POLLRDHUP };
    if (poll(&end, 1, 0) != 0)
        s->finished = true;
    else if (transfer_publish(s->data.transfer) < 0)
        fail_transfer(s);
    else
        end_transfer(s, "226 Transfer complete");
}

/* The end of half a file looks like the end of a whole one: a client that dies
   closes both its connections, and the kernel may report the data connection
   first. So wait a moment before publish(). A client that is alive waits for
   the reply. */
static void on_data(void *owner, enum data_event event)
{
    struct session *s = owner;
    switch (event) {
    case DATA_NOT_CONNECTED:
        out_of_fds_until = 0;
        LOG("%s: no data connection: %s", s->name, strerror(errno));
        if (s->data.transfer != NULL)
            end_transfer(s, "425 No data connection");
        break;
    case DATA_CONNECTED:
    case DATA_MOVED:
        if (s->data.transfer != NULL)
            set_deadline(s, s->settings->idle_ms);
        break;
    case DATA_SENT:
        end_transfer(s, "226 Transfer complete");
        break;
    case DATA_RECEIVED:
        out_of_fds_until = 0;
        s->received = true;
        set_deadline(s, RECEIVED_TIME);
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

static const struct command *find_command(const struct session *s,
                                          const char *line)
{
    size_t length = strcspn(line, " ");
    const struct command *c = s->settings->commands;
    while (c->name != NULL && !(strlen(c->name) == length &&
                                strncasecmp(line, c->name, length) == 0))
        c++;
    return c->name != NULL ? c : NULL;
}

/* Reply to a command that must not run now. False: it may run. */
static bool refuse(struct session *s, const struct command *c,
                   const char *argument)
{
    if (c == NULL)
        reply(s, "502 Not implemented; HELP lists the commands");
    else if (!s->logged_in && (c->flags & COMMAND_ANYONE) == 0)
        reply(s, "530 First USER and PASS");
    else if ((c->flags & COMMAND_WORD) != 0 && *argument == '\0')
        reply(s, "501 %s %s", c->name, c->usage);
    else if ((c->flags & COMMAND_CHANGES) != 0 && s->read_only)
        reply(s, "550 You may only read");
    else if ((c->flags & COMMAND_DATA) != 0 && !data_is_open(&s->data))
        reply(s, "425 First PASV or EPSV");
    else
        return false;
    return true;
}

/* The line of an unknown command may be PASS with an error in it, so the log
   does not show it. */
static void log_command(const struct session *s, const struct command *c,
                        const char *argument)
{
    if (c == NULL)
        LOG("%s: an unknown command", s->name);
    else if (*argument == '\0' || (c->flags & COMMAND_SECRET) != 0)
        LOG("%s: %s", s->name, c->name);
    else
        LOG("%s: %s %s", s->name, c->name, argument);
}

static void run_command(struct session *s, char *line)
{
    const struct command *c = find_command(s, line);
    char path[TREE_PATH], *argument = line + strcspn(line, " ");
    argument += *argument == ' ';
    log_command(s, c, argument);
    if (refuse(s, c, argument))
        return;
    if ((c->flags & COMMAND_PATH) == 0)
        c->run(s, argument);
    else if (tree_join(path, s->directory, argument) == 0)
        c->run(s, path);
    else
        reply_error(s, "The name");
}

/* Take the first line, if it may run now. line is "" if it was no command. */
static bool next_line(struct session *s, char *line)
{
    enum lines_result result = lines_first(&s->lines, line);
    if (result == LINES_NONE)
        return false;
    if (s->data.transfer != NULL) {
        const struct command *c = find_command(s, line);
        if (c == NULL || (c->flags & COMMAND_URGENT) == 0)
            return false;
    }
    lines_remove(&s->lines);
    if (result == LINES_INVALID) {
        reply(s, "500 This is not a command");
        *line = '\0';
    }
    return true;
}

/* Run the commands that have come, as far as they may run now. Only a whole
   line moves the deadline: a client that sends a byte now and then is idle. */
static void run_commands(struct session *s)
{
    char line[LINES_SIZE];
    while (!s->finished && !s->closing && !s->delayed &&
           !replies_pending(&s->replies) && next_line(s, line)) {
        if (*line != '\0')
            run_command(s, line);
        if (s->data.transfer == NULL && !s->closing && !s->delayed)
            set_deadline(s, s->settings->idle_ms);
    }
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
    else if (replies_flush(&s->replies) < 0) {
        LOG("%s: send: %s", s->name, strerror(errno));
        s->finished = true;
    }
    update(s);
}

/* What to watch the control connection for. */
static int control_events(const struct session *s)
{
    if (replies_pending(&s->replies))
        return SELECTOR_WRITE;
    return s->delayed || lines_room(&s->lines) == 0 ? 0 : SELECTOR_READ;
}

/* --------------------------------------------------------------- sessions */

static void end_session(struct session *s)
{
    close_data(s);
    LOG("%s: close", s->name);
    selector_unregister(s->settings->selector, s->control);
    close(s->control);
    out_of_fds_until = 0;
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

void session_wrong_password(struct session *s)
{
    s->wrong_passwords++;
    s->delayed = true;
    set_deadline(s, WRONG_TIME);
}

static void end_delay(struct session *s)
{
    s->delayed = false;
    if (s->wrong_passwords >= MAX_WRONG) {
        reply_and_close(s, "421 Too many wrong passwords");
        return;
    }
    reply(s, "530 Wrong name or password");
    set_deadline(s, s->settings->idle_ms);
}

static void on_deadline(struct session *s)
{
    if (s->closing)
        s->finished = true;
    else if (s->delayed)
        end_delay(s);
    else if (s->received)
        publish(s);
    else if (s->data.transfer != NULL && s->data.connection < 0)
        end_transfer(s, "425 The data connection was not opened in time");
    else if (s->data.transfer != NULL)
        end_transfer(s, "426 The transfer has stopped for too long");
    else
        reply_and_close(s, "421 No command for too long");
    update(s);
}

void session_check_deadlines(void)
{
    int64_t time = now_ms();
    if (!deadline_passed())
        return;
    if (out_of_fds_until > time)
        deadline_add(out_of_fds_until);
    for (struct session *s = sessions, *next; s != NULL; s = next) {
        next = s->next;
        if (s->deadline <= time)
            on_deadline(s);
        else
            deadline_add(s->deadline);
    }
}

static void begin_session(struct session *s)
{
    LOG("%s: accept: fd %d", s->name, s->control);
    setsockopt(s->control, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    setsockopt(s->control, SOL_SOCKET, SO_OOBINLINE, &(int){ 1 }, sizeof(int));
    s->next = sessions;
    s->link = &sessions;
    if (sessions != NULL)
        sessions->link = &s->next;
    sessions = s;
    reply(s, "220 06-selector/ftp/server");
    set_deadline(s, s->settings->idle_ms);
    update(s);
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

/* Without a free fd the client stays in the backlog until a session frees one,
   or for a second: other processes may have the fds. */
void session_accept(const struct selector_key *listener, int ready)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd = accept(listener->fd, (struct sockaddr *)&peer, &size);
    (void)ready;
    if (fd < 0) {
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
            return;
        LOG("accept: %s", strerror(errno));
        out_of_fds_until = now_ms() + OUT_OF_FDS_TIME;
        deadline_add(out_of_fds_until);
        return;
    }
    struct session *s = new_session(listener->data, fd, &peer);
    if (s != NULL) {
        begin_session(s);
        return;
    }
    LOG("refuse a client: %s", strerror(errno));
    close(fd);
}

bool session_out_of_fds(void)
{
    return out_of_fds_until != 0 && now_ms() < out_of_fds_until;
}

void session_end_all(void)
{
    while (sessions != NULL) {
        reply(sessions, "421 The server ends");
        end_session(sessions);
    }
}
