/*
 * text: which bytes from another program may go to a terminal? A name, a
 * command or a reply can have control characters: with ESC [ 2 J a terminal
 * clears its screen. There are three kinds: the bytes 0 to 31 and 127 (C0);
 * U+0080 to U+009F, where U+009B means ESC [ (C1); and the same numbers as
 * single bytes, which a Latin-1 terminal takes as C1. In UTF-8 the bytes 128
 * to 159 are also a part of harmless characters, so this decodes them.
 *
 * Only functions, no state, so the server and the client can include it.
 */
#ifndef FTP_TEXT_H
#define FTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The first character of text, which has size bytes, at least one. Returns its
   length (1 to 4), and writes its number to *c. 0: this is not UTF-8. Then *c
   is the first byte. */
static inline size_t text_decode(const char *text, size_t size, uint32_t *c)
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

static inline bool text_is_control(uint32_t c)
{
    return c < ' ' || (c >= 127 && c <= 0x9f);
}

/* Separators of lines, and the marks that change the direction of text: they
   make a line look like another one. */
static inline bool text_is_mark(uint32_t c)
{
    return c == 0x61c || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static inline bool text_has_control(const char *text, size_t size)
{
    uint32_t c;
    for (size_t i = 0, n; i < size; i += n > 0 ? n : 1) {
        n = text_decode(text + i, size - i, &c);
        if (text_is_control(c))
            return true;
    }
    return false;
}

/* Copy text, which has size bytes, to shown[room], with a 0 at the end. Each
   byte of a control character, of a mark, and of what is not UTF-8 becomes
   \xNN. What has no room is cut off: 4 * size + 1 bytes are always enough. */
static inline void text_escape(char *shown, size_t room, const char *text,
                               size_t size)
{
    uint32_t c;
    for (size_t i = 0, n; i < size && room > 4; i += n) {
        n = text_decode(text + i, size - i, &c);
        if (n > 0 && !text_is_control(c) && !text_is_mark(c)) {
            memcpy(shown, text + i, n);
            shown += n;
            room -= n;
        } else {
            n = 1;
            shown += snprintf(shown, 5, "\\x%02x", (unsigned char)text[i]);
            room -= 4;
        }
    }
    *shown = '\0';
}

#endif
