/*
 * lines: a client's bytes as lines. lines.h says what it does.
 *
 * Look at lines_first(): TCP knows no lines. A recv() may return half a line,
 * or three and a half.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lines.h"
#include "text.h"

enum { IAC = 255 }; /* "interpret as command": begins a Telnet command */

/* The byte belongs to the last line. A line that is too long is no command:
   one 0 byte is left of it. */
static void add_byte(struct lines *l, char byte)
{
    if (byte != '\n' && l->size - l->last == LINES_SIZE - 2) {
        l->size = l->last;
        l->bytes[l->size++] = '\0';
    }
    l->bytes[l->size++] = byte;
    if (byte == '\n')
        l->last = l->size;
}

/* A Telnet command stands here. Before or after the name of a command it means
   nothing. But in a file name it may be a part of the name, from a client that
   does not know Telnet, and without these bytes it would be the name of
   another file. A 0 in their place makes the line invalid. */
static void drop_telnet(struct lines *l)
{
    if (memchr(l->bytes + l->last, ' ', l->size - l->last) != NULL)
        add_byte(l, '\0');
}

/* FTP's control connection uses Telnet (RFC 854). Most clients send no Telnet
   commands, but some send IAC IP IAC DM before ABOR. IAC IAC means the byte
   255. All commands are above 239, so with a byte below that IAC is no
   command: the client has not doubled the 255 of a name. */
static void add_telnet(struct lines *l, unsigned char byte)
{
    enum { TEXT, COMMAND, OPTION, FIRST_COMMAND = 240, WILL = 251 };
    int before = l->telnet;
    l->telnet = TEXT;
    if (before == TEXT && byte == IAC)
        l->telnet = COMMAND;
    else if (before == COMMAND && byte >= WILL && byte < IAC)
        l->telnet = OPTION;
    else if (before == COMMAND && byte >= FIRST_COMMAND && byte < IAC)
        drop_telnet(l);
    else if (before == OPTION && byte != '\r' && byte != '\n')
        drop_telnet(l);
    else {
        if (before == OPTION) /* a line ends here, not an option */
            drop_telnet(l);
        if (before == COMMAND && byte != IAC)
            add_byte(l, (char)IAC);
        add_byte(l, (char)byte);
    }
}

/* An IAC that it has held back needs room, too. */
size_t lines_room(const struct lines *l)
{
    return l->size < LINES_MAX - 1 ? LINES_MAX - 1 - l->size : 0;
}

int lines_add(struct lines *l, const char *bytes, size_t length)
{
    char *more = realloc(l->bytes, l->size + length + 1);
    if (more == NULL)
        return -1;
    l->bytes = more;
    for (size_t i = 0; i < length; i++)
        add_telnet(l, (unsigned char)bytes[i]);
    return 0;
}

/* A command has no control characters: in a reply they could end it. */
static bool is_text(const char *bytes, size_t length)
{
    return length > 0 && !text_has_control(bytes, length);
}

static const char *line_end(const struct lines *l, size_t from)
{
    return from < l->last ? memchr(l->bytes + from, '\n', l->last - from) :
                            NULL;
}

enum lines_result lines_first(const struct lines *l, char *line)
{
    const char *end = line_end(l, 0);
    if (end == NULL)
        return LINES_NONE;
    size_t length = (size_t)(end - l->bytes);
    if (length > 0 && end[-1] == '\r')
        length--;
    memcpy(line, l->bytes, length);
    line[length] = '\0';
    return is_text(line, length) ? LINES_TEXT : LINES_INVALID;
}

void lines_remove(struct lines *l)
{
    const char *end = line_end(l, 0);
    if (end == NULL)
        return;
    size_t length = (size_t)(end + 1 - l->bytes);
    l->size -= length;
    l->last -= length;
    memmove(l->bytes, end + 1, l->size);
    if (l->size == 0)
        lines_clear(l);
}

/* Where the line with this command begins; -1: nowhere. */
static long find(const struct lines *l, const char *command)
{
    size_t length = strlen(command);
    const char *end;
    for (size_t i = 0; (end = line_end(l, i)) != NULL;
         i = (size_t)(end + 1 - l->bytes))
        if (i + length < l->last &&
            strncasecmp(l->bytes + i, command, length) == 0 &&
            memchr(" \r\n", l->bytes[i + length], 3) != NULL)
            return (long)i;
    return -1;
}

bool lines_has(const struct lines *l, const char *command)
{
    return find(l, command) >= 0;
}

void lines_move_to_front(struct lines *l, const char *command)
{
    char line[LINES_SIZE];
    long at = find(l, command);
    if (at <= 0)
        return;
    const char *end = line_end(l, (size_t)at);
    size_t length = (size_t)(end + 1 - l->bytes) - (size_t)at;
    memcpy(line, l->bytes + at, length);
    memmove(l->bytes + length, l->bytes, (size_t)at);
    memcpy(l->bytes, line, length);
}

void lines_clear(struct lines *l)
{
    free(l->bytes);
    l->bytes = NULL;
    l->size = l->last = 0;
}
