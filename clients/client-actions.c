/* client-actions: what each verb of a client and of a crowd does. See
   client-actions.h. */
#include "client-actions.h"
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>

enum {
    TEXT_BYTES = 120,         /* a text that is drawn; the rest is cut */
    AT_ONCE = 128,            /* clients of a crowd that connect at once */
    LONG_BYTES = 64 * 1024,   /* if more are expected, that takes a while */
    CROWD_PER_SECOND = 500,   /* clients; the timeout grows by that */
    OTHER_FDS = 24,           /* that play has open, but its clients */
};

static const struct label crowd_label = { "crowd:", BOLD };

static struct peer *client_of(struct stage *s, const struct action *a)
{
    return &s->peers.all[a->client];
}

static bool draw(struct stage *s, const struct action *a, enum arrow arrow,
                 const char *text)
{
    return screen_client(&s->screen, stage_label(s, a->client), arrow, text);
}

/* -------------------------------------------------------------- a client */

/* Begin to connect. From now on the log shows the client's name. */
static bool begin_connect(struct stage *s, size_t i)
{
    struct peer *p = &s->peers.all[i];
    if (!peer_connect(p, s->child.port))
        return false;
    screen_label(&s->screen, p->port, stage_label(s, i));
    return true;
}

static bool do_connect(struct stage *s, const struct action *a)
{
    return stage_await_port(s) && stage_check_alive(s) &&
           draw(s, a, TO_SERVER, "connects") && begin_connect(s, a->client) &&
           stage_await_peers(s, s->timeout);
}

static bool do_send(struct stage *s, const struct action *a)
{
    char text[TEXT_BYTES];
    struct peer *p = client_of(s, a);
    if (!stage_check_alive(s) ||
        !draw(s, a, TO_SERVER, bytes_quote(text, sizeof text,
                                                &a->bytes)))
        return false;
    if (a->seconds <= 0)
        return peer_send(p, &a->bytes, a->urgent);
    for (size_t i = 0; i < bytes_total(&a->bytes); i++) {
        struct bytes one = { &a->bytes.text[i % a->bytes.length], 1, 1 };
        if (!peer_send(p, &one, a->urgent) || !stage_pass(s, a->seconds) ||
            !stage_check_alive(s))
            return false;
    }
    return true;
}

static bool do_expect(struct stage *s, const struct action *a)
{
    char text[TEXT_BYTES];
    if (bytes_total(&a->bytes) > LONG_BYTES &&
        !draw(s, a, NO_ARROW, "begins to read"))
        return false;
    peer_expect(client_of(s, a), SOME_BYTES, &a->bytes);
    return stage_await_peers(s, s->timeout) && stage_settle(s) &&
           draw(s, a, FROM_SERVER, bytes_quote(text, sizeof text,
                                                    &a->bytes)) &&
           stage_checked(s);
}

static bool do_expect_eof(struct stage *s, const struct action *a)
{
    bool eof = a->verb == EXPECT_EOF;
    peer_expect(client_of(s, a), eof ? END_OF_FILE : A_RESET, NULL);
    return stage_await_peers(s, s->timeout) && stage_settle(s) &&
           draw(s, a, FROM_SERVER, eof ? "end of file" : "reset") &&
           stage_checked(s);
}

static bool do_silent(struct stage *s, const struct action *a)
{
    char text[TEXT_BYTES];
    if (!stage_check_alive(s))
        return false;
    peer_expect(client_of(s, a), SILENCE, NULL);
    if (!stage_pass(s, a->seconds) || !stage_check_alive(s))
        return false;
    peer_expect(client_of(s, a), NOTHING, NULL);
    snprintf(text, sizeof text, "gets nothing, %g s", a->seconds);
    return draw(s, a, NO_ARROW, text) && stage_checked(s);
}

static bool do_shut(struct stage *s, const struct action *a)
{
    if (!draw(s, a, TO_SERVER, "end of file"))
        return false;
    peer_shut(client_of(s, a));
    return true;
}

/* close and reset. */
static bool do_leave(struct stage *s, const struct action *a)
{
    bool resets = a->verb == RESET;
    if ((!resets && !peer_check_surplus(client_of(s, a))) ||
        !draw(s, a, TO_SERVER, resets ? "resets" : "closes"))
        return false;
    peer_close(client_of(s, a), resets);
    return true;
}

/* --------------------------------------------------------------- a crowd */

static double crowd_timeout(const struct stage *s)
{
    return s->timeout +
           (double)(s->peers.n - s->peers.n_named) / CROWD_PER_SECOND;
}

static bool draw_crowd(struct stage *s, enum arrow arrow, const char *text)
{
    return screen_client(&s->screen, crowd_label, arrow, text);
}

static bool draw_crowd_bytes(struct stage *s, const struct action *a,
                             enum arrow arrow)
{
    char text[TEXT_BYTES];
    return draw_crowd(s, arrow, bytes_quote(text, sizeof text,
                                                 &a->bytes));
}

/* How many more fds may play open? */
static long fds_left(const struct stage *s)
{
    struct rlimit limit;
    rlim_t used = OTHER_FDS;
    for (size_t i = 0; i < s->peers.n; i++)
        used += s->peers.all[i].fd >= 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
        limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > LONG_MAX)
        return LONG_MAX;
    return limit.rlim_cur < used ? 0 : (long)(limit.rlim_cur - used);
}

/* N more clients connect, AT_ONCE at a time. */
static bool do_crowd(struct stage *s, const struct action *a)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%ld connect", a->number);
    if (!stage_await_port(s) || !stage_check_alive(s))
        return false;
    if (a->number > fds_left(s) && ++s->n_skipped > 0)
        return stage_warn(s, "skipped here: the crowd of %ld clients; the "
                          "limit of open files is too low (ulimit -Hn)",
                          a->number);
    if (!draw_crowd(s, TO_SERVER, text))
        return false;
    for (long i = 0; i < a->number; i++) {
        if (peers_add(&s->peers) == NULL ||
            !begin_connect(s, s->peers.n - 1))
            return false;
        if (i % AT_ONCE == AT_ONCE - 1 &&
            !stage_await_peers(s, crowd_timeout(s)))
            return false;
    }
    return stage_await_peers(s, crowd_timeout(s));
}

static bool do_crowd_send(struct stage *s, const struct action *a)
{
    if (!stage_check_alive(s) || !draw_crowd_bytes(s, a, TO_SERVER))
        return false;
    for (size_t i = s->peers.n_named; i < s->peers.n; i++)
        if (s->peers.all[i].fd >= 0 &&
            !peer_send(&s->peers.all[i], &a->bytes, false))
            return false;
    return true;
}

static bool do_crowd_expect(struct stage *s, const struct action *a)
{
    for (size_t i = s->peers.n_named; i < s->peers.n; i++)
        if (s->peers.all[i].fd >= 0)
            peer_expect(&s->peers.all[i], SOME_BYTES, &a->bytes);
    return stage_await_peers(s, crowd_timeout(s)) && stage_settle(s) &&
           draw_crowd_bytes(s, a, FROM_SERVER) && stage_checked(s);
}

static bool do_crowd_leaves(struct stage *s, const struct action *a)
{
    bool resets = a->verb == CROWD_RESETS;
    if (!draw_crowd(s, TO_SERVER, resets ? "all reset" : "all leave"))
        return false;
    for (size_t i = s->peers.n_named; i < s->peers.n; i++) {
        if (!resets && !peer_check_surplus(&s->peers.all[i]))
            return false;
        peer_close(&s->peers.all[i], resets);
    }
    return true;
}

/* ------------------------------------------------------- verb to function */

bool act_client(struct stage *s, const struct action *a)
{
    static bool (*const functions[VERBS])(struct stage *,
                                          const struct action *) = {
        [CROWD] = do_crowd, [CROWD_SEND] = do_crowd_send,
        [CROWD_EXPECT] = do_crowd_expect,
        [CROWD_LEAVES] = do_crowd_leaves, [CROWD_RESETS] = do_crowd_leaves,
        [CONNECT] = do_connect, [SEND] = do_send, [SHUT] = do_shut,
        [CLOSE] = do_leave, [RESET] = do_leave, [EXPECT] = do_expect,
        [EXPECT_EOF] = do_expect_eof, [EXPECT_RESET] = do_expect_eof,
        [SILENT] = do_silent,
    };
    bool of_crowd = a->verb == CROWD_SEND || a->verb == CROWD_EXPECT ||
                    a->verb == CROWD_LEAVES || a->verb == CROWD_RESETS;
    if (of_crowd && s->peers.n == s->peers.n_named)
        return true; /* the crowd was skipped */
    return functions[a->verb](s, a);
}
