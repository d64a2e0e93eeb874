/*
 * text: control characters. text.h says what it does.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* The first character of text, which has size bytes, at least one. Returns its
   length (1 to 4), and writes its number to *c. 0: this is not UTF-8. Then *c
   is the first byte. */
static size_t decode(const char *text, size_t size, uint32_t *c)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)text[0];
    size_t length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 :
                    first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    uint32_t number = length < 2 ? first : first & (0x7fu >> length);
    *c = first;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        number = number << 6 | (text[i] & 0x3f);
    }
    if (number < least[length] || number > 0x10ffff ||
        (number >= 0xd800 && number <= 0xdfff))
        return 0;
    *c = number;
    return length;
}

static bool is_control(uint32_t c)
{
    return c < ' ' || (c >= 127 && c <= 0x9f);
}

/* Separators of lines, and the marks that change the direction of text: they
   make a line look like another one. */
static bool is_mark(uint32_t c)
{
    return c == 0x61c || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

bool text_has_control(const char *text, size_t size)
{
    uint32_t c;
    for (size_t i = 0, n; i < size; i += n > 0 ? n : 1) {
        n = decode(text + i, size - i, &c);
        if (is_control(c))
            return true;
    }
    return false;
}

size_t text_escape(char *shown, size_t room, const char *text, size_t size)
{
    char *to = shown;
    uint32_t c;
    for (size_t i = 0, n; i < size && room > 4; i += n) {
        n = decode(text + i, size - i, &c);
        if (n > 0 && !is_control(c) && !is_mark(c)) {
            memcpy(to, text + i, n);
            to += n;
            room -= n;
        } else {
            n = 1;
            to += snprintf(to, 5, "\\x%02x", (unsigned char)text[i]);
            room -= 4;
        }
    }
    *to = '\0';
    return (size_t)(to - shown);
}

const char *text_printable(const char *text)
{
    size_t size = strlen(text), room = 4 * size + 1;
    char *shown = malloc(room);
    if (shown == NULL)
        return "?";
    text_escape(shown, room, text, size);
    return shown;
}
