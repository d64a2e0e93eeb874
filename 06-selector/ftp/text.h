/*
 * text: which bytes from another program may go to a terminal? A name, a
 * command or a reply can have control characters: with ESC [ 2 J a terminal
 * clears its screen. There are three kinds: the bytes 0 to 31 and 127 (C0);
 * U+0080 to U+009F, where U+009B means ESC [ (C1); and the same numbers as
 * single bytes, which a Latin-1 terminal takes as C1. In UTF-8 the bytes 128
 * to 159 are also a part of harmless characters, so this module decodes them.
 */
#ifndef FTP_TEXT_H
#define FTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Is there a control character in text, which has size bytes? */
bool text_has_control(const char *text, size_t size);

/* Copy text, which has size bytes, to shown[room], with a 0 at the end. Each
   byte of a control character, of a mark that changes the direction of text,
   and of what is not UTF-8 becomes \xNN. What has no room is cut off: 4 * size
   + 1 bytes are always enough. Returns the length. */
size_t text_escape(char *shown, size_t room, const char *text, size_t size);

/* The text, a string, as text_escape() shows it: a string from malloc(3).
   Without memory it is "?". */
const char *text_printable(const char *text);

#endif
