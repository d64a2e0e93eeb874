/* scene: a .play file, read into an array of actions. See scene.h. */
#include "scene.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "pattern.h"
#include "words.h"

enum { MOST_NAME = 23 }; /* bytes of a client's name */

/* What a client is at the line that the parser has reached. */
struct client_state {
    bool connected;
    bool shut;      /* it sends no more */
    bool over;      /* the server has closed the connection, or has ended */
    int since_line; /* of its connect */
};

struct parser {
    struct scene *scene;
    struct words words;
    bool server, log, keyboard, crowd; /* exist at this line */
    int limit_line;                    /* of a limit with no server yet */
    struct client_state *clients;      /* in the order of scene->clients */
};

/* An action's form, and the function that reads what follows its word. */
struct form {
    const char *word, *text;
    enum verb verb;
    bool needs_server;
    bool (*parse)(struct parser *, struct action *);
};

/* Add an action at the end of the scene; NULL: no memory. */
static struct action *add_action(struct parser *p, const char *source,
                                 bool joined)
{
    struct scene *s = p->scene;
    struct action *more = grown(s->actions,
                                (s->n_actions + 1) * sizeof *more);
    if (more == NULL)
        return NULL;
    s->actions = more;
    s->actions[s->n_actions] = (struct action){
        .line = p->words.line, .source = source, .joined = joined,
    };
    return &s->actions[s->n_actions++];
}

/* Find the client with this name, or add it: *INDEX. */
static bool find_client(struct parser *p, const char *name, size_t *index)
{
    struct scene *s = p->scene;
    size_t n = s->n_clients;
    for (*index = 0; *index < n; ++*index)
        if (strcmp(s->clients[*index], name) == 0)
            return true;
    if (strlen(name) > MOST_NAME)
        return words_mistake(&p->words, "the name '%s' is too long: at most "
                             "%d bytes", name, MOST_NAME);
    char **names = grown(s->clients, (n + 1) * sizeof *names);
    if (names == NULL)
        return false;
    s->clients = names;
    struct client_state *states = grown(p->clients, (n + 1) * sizeof *states);
    if (states == NULL)
        return false;
    p->clients = states;
    states[n] = (struct client_state){ .connected = false };
    names[n] = strdup(name);
    s->n_clients++;
    return names[n] != NULL || fail("no memory");
}

static bool need(struct parser *p, bool is_there, const char *what)
{
    return is_there || words_mistake(&p->words, "there is no %s at this "
                                     "point", what);
}

static bool need_connected(struct parser *p, size_t client)
{
    return p->clients[client].connected ||
           words_mistake(&p->words, "%s is not connected at this point",
                         p->scene->clients[client]);
}

/* ------------------------------------------------- what a client can do */

static bool parse_connect(struct parser *p, struct action *a)
{
    struct client_state *c = &p->clients[a->client];
    const char *name = p->scene->clients[a->client];
    if (c->connected && !c->over)
        return words_mistake(&p->words, "%s is still connected, since line "
                             "%d; first: %s close", name, c->since_line, name);
    *c = (struct client_state){ .connected = true,
                                .since_line = p->words.line };
    return true;
}

static bool need_sending(struct parser *p, const struct action *a)
{
    return !p->clients[a->client].shut ||
           words_mistake(&p->words, "%s sends no more, after its shut",
                         p->scene->clients[a->client]);
}

static bool parse_send(struct parser *p, struct action *a)
{
    if (!need_sending(p, a) || !words_want_bytes(&p->words, &a->bytes))
        return false;
    a->urgent = words_next_is(&p->words, "urgent");
    if (!words_next_is(&p->words, "every"))
        return true;
    return words_want_time(&p->words, &a->seconds) &&
           ((double)bytes_total(&a->bytes) * a->seconds <= MOST_SECONDS ||
            words_mistake(&p->words, "%zu bytes take more than %d s",
                          bytes_total(&a->bytes), MOST_SECONDS));
}

static bool parse_client_expect(struct parser *p, struct action *a)
{
    struct client_state *c = &p->clients[a->client];
    if (words_next_is(&p->words, "eof"))
        a->verb = EXPECT_EOF;
    else if (words_next_is(&p->words, "reset"))
        a->verb = EXPECT_RESET;
    else
        return words_want_bytes(&p->words, &a->bytes);
    c->over = true;
    return true;
}

static bool parse_time(struct parser *p, struct action *a)
{
    return words_want_time(&p->words, &a->seconds);
}

static bool parse_shut(struct parser *p, struct action *a)
{
    if (!need_sending(p, a))
        return false;
    p->clients[a->client].shut = true;
    return true;
}

static bool parse_leave(struct parser *p, struct action *a)
{
    p->clients[a->client].connected = false;
    return true;
}

static const struct form client_forms[] = {
    { "connect", "A connect", CONNECT, true, parse_connect },
    { "send", "A send BYTES [urgent] [every TIME]", SEND, false, parse_send },
    { "expect", "A expect BYTES|eof|reset", EXPECT, false,
      parse_client_expect },
    { "silent", "A silent TIME", SILENT, false, parse_time },
    { "shut", "A shut", SHUT, false, parse_shut },
    { "close", "A close", CLOSE, false, parse_leave },
    { "reset", "A reset", RESET, false, parse_leave },
};

/* ------------------------------------------------- what a crowd can do */

static const char *const crowd_verbs[] = {
    "send", "expect", "leaves", "resets", NULL,
};

static bool parse_crowd_action(struct parser *p, struct action *a)
{
    struct words *w = &p->words;
    if (words_number_is_next(w)) {
        a->verb = CROWD;
        p->crowd = true;
        return need(p, p->server, "server") &&
               words_want_number(w, "N", 1, MOST_CROWD, &a->number);
    }
    const char *word = words_want(w, "what the crowd does");
    if (word == NULL)
        return false;
    a->verb = strcmp(word, "send") == 0   ? CROWD_SEND
            : strcmp(word, "expect") == 0 ? CROWD_EXPECT
            : strcmp(word, "leaves") == 0 ? CROWD_LEAVES
            : strcmp(word, "resets") == 0 ? CROWD_RESETS : VERBS;
    if (a->verb == VERBS)
        return words_unknown(w, "verb of a crowd; its verbs are", word,
                             crowd_verbs);
    bool ends = a->verb == CROWD_LEAVES || a->verb == CROWD_RESETS;
    if (!need(p, p->crowd, "crowd"))
        return false;
    p->crowd = !ends;
    return ends || words_want_bytes(w, &a->bytes);
}

/* A line "crowd ..." may be several actions. */
static bool parse_crowd(struct parser *p, struct action *a)
{
    const char *source = a->source;
    while (parse_crowd_action(p, a)) {
        if (p->words.at == p->words.n)
            return true;
        a = add_action(p, source, true);
        if (a == NULL)
            return false;
    }
    return false;
}

/* ------------------------------------------------ what the server can do */

/* The server has ended, or another one starts: no connection lasts. */
static void end_connections(struct parser *p)
{
    for (size_t i = 0; i < p->scene->n_clients; i++)
        p->clients[i].over = true;
}

/* After "server", or "run PROGRAM": all other words are its arguments. */
static bool parse_server(struct parser *p, struct action *a)
{
    static char dash_p[] = "-p", any_port[] = "0";
    struct words *w = &p->words;
    size_t n = 1;
    a->arguments = grown(NULL, (MOST_WORDS + 4) * sizeof *a->arguments);
    if (a->arguments == NULL)
        return false;
    if (a->verb == SERVER) {
        a->arguments[n++] = dash_p;
        a->arguments[n++] = any_port;
    }
    while (w->at < w->n)
        a->arguments[n++] = w->all[w->at++].text;
    a->arguments[n] = NULL;
    p->server = p->log = p->keyboard = true;
    p->limit_line = 0;
    end_connections(p);
    return true;
}

static bool parse_run(struct parser *p, struct action *a)
{
    a->text = words_want(&p->words, "PROGRAM");
    return a->text != NULL && parse_server(p, a);
}

static bool parse_limit(struct parser *p, struct action *a)
{
    p->limit_line = p->words.line;
    return words_want_number(&p->words, "N", 1, MOST_NUMBER, &a->number);
}

static bool parse_type(struct parser *p, struct action *a)
{
    if (!need(p, p->keyboard, "keyboard"))
        return false;
    if (!words_next_is(&p->words, "eof"))
        return words_want_bytes(&p->words, &a->bytes);
    a->verb = TYPE_EOF;
    p->keyboard = false;
    return true;
}

static bool parse_see(struct parser *p, struct action *a)
{
    char why[200];
    regex_t pattern;
    if (!need(p, p->log, "log"))
        return false;
    a->text = words_want(&p->words, "\"REGEX\"");
    if (a->text == NULL)
        return false;
    if (!pattern_begin(&pattern, a->text, why, sizeof why))
        return words_mistake(&p->words, "\"%.100s\" is no regular expression "
                             "for a scene: %s", a->text, why);
    pattern_end(&pattern); /* "see" makes it again */
    return true;
}

static bool parse_signal(struct parser *p, struct action *a)
{
    struct words *w = &p->words;
    a->text = w->at < w->n ? w->all[w->at].text : "";
    if (!words_want_signal(w, &a->number))
        return false;
    if (w->at == w->n)
        return true;
    a->verb = SIGNAL_CLIENT;
    return find_client(p, w->all[w->at++].text, &a->client) &&
           need_connected(p, a->client);
}

/* After "expect": how the server ends. */
static bool parse_expect(struct parser *p, struct action *a)
{
    struct words *w = &p->words;
    p->server = p->keyboard = false;
    end_connections(p);
    a->verb = EXPECT_EXIT;
    if (words_next_is(w, "exit"))
        return words_want_number(w, "N", 0, 255, &a->number);
    a->verb = EXPECT_KILLED;
    if (words_next_is(w, "killed"))
        return words_want_signal(w, &a->number);
    return words_mistake(w, "exit or killed is missing (or a client's name "
                         "before expect)");
}

static bool parse_memory(struct parser *p, struct action *a)
{
    return words_want_number(&p->words, "N", 0, MOST_NUMBER, &a->number);
}

/* "say" and "ask" take the rest of the line, as it stands. */
static bool parse_sentence(struct parser *p, struct action *a)
{
    const char *after = a->source + strlen("say");
    a->text = after + strspn(after, " \t");
    if (strchr(" \t", *after) == NULL) /* or the NUL at the end */
        return words_mistake(&p->words, "a space is missing before '%.1s'",
                             after);
    return *a->text != '\0' ||
           words_mistake(&p->words, "the sentence is missing");
}

static const struct form forms[] = {
    { "say", "say SENTENCE", SAY, false, parse_sentence },
    { "ask", "ask QUESTION", ASK, false, parse_sentence },
    { "server", "server [ARGUMENT...]", SERVER, false, parse_server },
    { "run", "run PROGRAM [ARGUMENT...]", RUN, false, parse_run },
    { "limit", "limit N", LIMIT, false, parse_limit },
    { "crowd", "crowd [N] [send BYTES] [expect BYTES] [leaves|resets]", CROWD,
      false, parse_crowd },
    { "type", "type BYTES|eof", TYPE, true, parse_type },
    { "see", "see \"REGEX\"", SEE, false, parse_see },
    { "signal", "signal NAME [A]", SIGNAL, true, parse_signal },
    { "expect", "expect exit N, expect killed NAME", EXPECT_EXIT, true,
      parse_expect },
    { "idle", "idle TIME", IDLE, true, parse_time },
    { "measure", "measure TIME", MEASURE, true, parse_time },
    { "memory", "memory N", MEMORY, true, parse_memory },
    { "wait", "wait TIME", WAIT, false, parse_time },
};

enum {
    FORMS = sizeof forms / sizeof *forms,
    CLIENT_FORMS = sizeof client_forms / sizeof *client_forms,
};

void scene_print_forms(FILE *to, const char *indent)
{
    for (size_t i = 0; i < FORMS; i++)
        fprintf(to, "%s%s\n", indent, forms[i].text);
    for (size_t i = 0; i < CLIENT_FORMS; i++)
        fprintf(to, "%s%s\n", indent, client_forms[i].text);
}

/* ----------------------------------------------------------- the reader */

static const struct form *find_form(const struct form *all, size_t n,
                                    const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].word, word) == 0)
            return &all[i];
    return NULL;
}

/* There is no such word: name those that there are. */
static bool unknown_form(struct parser *p, const char *what, const char *word,
                         const struct form *all, size_t n)
{
    const char *names[FORMS + 1] = { NULL };
    for (size_t i = 0; i < n; i++)
        names[i] = all[i].word;
    return words_unknown(&p->words, what, word, names);
}

/* Read an action of a client; its name has been read. */
static bool parse_client(struct parser *p, struct action *a)
{
    const char *word = words_want(&p->words, "what the client does");
    if (word == NULL)
        return false;
    const struct form *form = find_form(client_forms, CLIENT_FORMS, word);
    if (form == NULL)
        return unknown_form(p, "verb of a client; its verbs are", word,
                            client_forms, CLIENT_FORMS);
    p->words.form = form->text;
    a->verb = form->verb;
    if (!(form->verb == CONNECT ? need(p, p->server, "server")
                                : need_connected(p, a->client)))
        return false;
    return form->parse(p, a);
}

static bool parse_action(struct parser *p, struct action *a)
{
    const char *word = words_want(&p->words, "an action");
    if (word == NULL)
        return false;
    if (isupper((unsigned char)word[0]))
        return find_client(p, word, &a->client) && parse_client(p, a);
    const struct form *form = find_form(forms, FORMS, word);
    if (form == NULL)
        return unknown_form(p, "action (a client's name begins with a capital "
                            "letter); the actions are", word, forms, FORMS);
    p->words.form = form->text;
    a->verb = form->verb;
    return need(p, p->server || !form->needs_server, "server") &&
           form->parse(p, a);
}

/* Does S begin with "say" or "ask"? Quotes, ';' and '#' mean nothing there. */
static bool is_sentence(const char *s)
{
    return (strncmp(s, "say", 3) == 0 || strncmp(s, "ask", 3) == 0) &&
           !isalnum((unsigned char)s[3]);
}

/* Read the action at *S; *S moves on behind it. */
static bool parse_one(struct parser *p, const char **s, bool joined)
{
    struct words *w = &p->words;
    struct action *a = add_action(p, *s, joined);
    if (a == NULL)
        return false;
    if (is_sentence(*s)) {
        w->form = forms[**s == 'a'].text;
        a->verb = forms[**s == 'a'].verb;
        *s += strlen(*s);
        return parse_sentence(p, a);
    }
    if (!words_split(w, s) || !parse_action(p, a))
        return false;
    return w->at == w->n || words_mistake(w, "'%s' is one word too many",
                                          w->all[w->at].text);
}

/* Read a line: nothing, one action, or several with ';' between them. */
static bool parse_line(struct parser *p, char *line)
{
    bool joined = false;
    size_t length = strlen(line);
    while (length > 0 && isspace((unsigned char)line[length - 1]))
        line[--length] = '\0';
    for (const char *s = line + strspn(line, " \t"); *s != '\0' && *s != '#';
         s += strspn(s, " \t")) {
        if (!parse_one(p, &s, joined))
            return false;
        joined = *s == ';';
        s += joined;
    }
    return true;
}

static bool parse_lines(struct parser *p, FILE *f)
{
    struct scene *s = p->scene;
    char *line;
    while (words_read_line(&p->words, f, &line)) {
        if (line == NULL)
            return true;
        s->n_lines = p->words.line;
        if (s->title == NULL && strncmp(line, "# ", 2) == 0 &&
            strncmp(line, "# fails on:", 11) != 0)
            s->title = line + 2;
        if (!parse_line(p, line))
            return false;
    }
    return false;
}

bool scene_read(struct scene *scene, const char *file)
{
    struct parser p = { .scene = scene, .words.file = file };
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    *scene = (struct scene){ .file = file };
    if (f == NULL)
        return fail("play: %s: %s", file, strerror(errno));
    bool read = parse_lines(&p, f);
    if (f != stdin)
        fclose(f);
    free(p.clients);
    if (!read)
        return false;
    if (scene->n_actions == 0)
        return fail("play: %s: it has no action", file);
    if (scene->title == NULL)
        scene->title = file;
    p.words.line = p.limit_line;
    p.words.form = NULL;
    return p.limit_line == 0 || words_mistake(&p.words, "after limit, server "
                                              "or run is missing");
}
