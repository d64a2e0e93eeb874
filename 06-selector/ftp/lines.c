/*
 * lines: a client's bytes as lines. lines.h says what it does.
 *
 * Look at lines_first(): TCP knows no lines. A recv() may return half a line,
 * or three and a half.
 */
#include <string.h>

#include "lines.h"

/* FTP's control connection uses Telnet (RFC 854). Most clients send no Telnet
   commands, but some send IAC IP IAC DM before ABOR. Returns true if the byte
   is a part of such a command. IAC IAC means the byte 255. */
static bool is_telnet(struct lines *l, unsigned char byte)
{
    enum { TEXT, COMMAND, OPTION, IAC = 255, WILL = 251 };
    int before = l->telnet;
    l->telnet = TEXT;
    if (before == OPTION)
        return true;
    if (before == COMMAND && byte >= WILL && byte < IAC)
        l->telnet = OPTION;
    if (before == TEXT && byte == IAC)
        l->telnet = COMMAND;
    return before == COMMAND ? byte != IAC : byte == IAC;
}

size_t lines_room(const struct lines *l)
{
    return sizeof l->bytes - l->size;
}

void lines_add(struct lines *l, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_telnet(l, (unsigned char)bytes[i]))
            l->bytes[l->size++] = bytes[i];
}

/* A command has no control characters. In the log they could change the
   terminal; in a reply they could end it. */
static bool is_text(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 127)
            return false;
    return length > 0;
}

enum lines_result lines_first(struct lines *l, char *line)
{
    char *end = memchr(l->bytes, '\n', l->size);
    if (end == NULL && lines_room(l) == 0) {
        l->size = 0; /* too long: wait for its end */
        l->too_long = true;
    }
    if (end == NULL)
        return LINES_NONE;
    size_t length = (size_t)(end - l->bytes);
    if (length > 0 && end[-1] == '\r')
        length--;
    memcpy(line, l->bytes, length);
    line[length] = '\0';
    return l->too_long || !is_text(line, length) ? LINES_INVALID : LINES_TEXT;
}

void lines_remove(struct lines *l)
{
    char *end = memchr(l->bytes, '\n', l->size);
    if (end == NULL)
        return;
    l->size -= (size_t)(end + 1 - l->bytes);
    memmove(l->bytes, end + 1, l->size);
    l->too_long = false;
}

void lines_clear(struct lines *l)
{
    l->size = 0;
}
