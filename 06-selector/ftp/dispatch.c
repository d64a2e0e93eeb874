/*
 * dispatch: from a line to a command. dispatch.h says what it does.
 */
#include <string.h>
#include <strings.h>

#include "accounts.h"
#include "commands.h"
#include "dispatch.h"
#include "log.h"
#include "tree.h"

static const struct command *find_command(const char *line)
{
    size_t length = strcspn(line, " ");
    const struct command *c = commands;
    while (c->name != NULL && !(strlen(c->name) == length &&
                                strncasecmp(line, c->name, length) == 0))
        c++;
    return c->name != NULL ? c : NULL;
}

/* The argument follows the name of the command and a space. */
static size_t argument_at(const char *line)
{
    size_t end = strcspn(line, " ");
    return end + (line[end] == ' ');
}

int64_t dispatch_wait(const struct session *s, const char *line)
{
    const struct command *c = find_command(line);
    int flags = c != NULL ? c->flags : 0;
    if (s->data.transfer != NULL)
        return (flags & COMMAND_URGENT) != 0 ? 0 : -1;
    if ((flags & COMMAND_ACCOUNT) == 0)
        return 0;
    return accounts_wait((flags & COMMAND_SECRET) != 0 ? s->user :
                         line + argument_at(line));
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

void dispatch_run(struct session *s, char *line)
{
    const struct command *c = find_command(line);
    char path[TREE_PATH], *argument = line + argument_at(line);
    log_command(s, c, argument);
    if (refuse(s, c, argument))
        return;
    if ((c->flags & COMMAND_PREPARES) != 0) {
        s->for_next.restart = s->from_last.restart;
        s->for_next.expected = s->from_last.expected;
    }
    if ((c->flags & COMMAND_PATH) == 0)
        c->run(s, argument);
    else if (tree_join(path, s->directory, argument) == 0)
        c->run(s, path);
    else
        reply_error(s, "The name");
}
