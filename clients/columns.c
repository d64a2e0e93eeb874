/* columns: how wide a text is on a terminal. See columns.h. */
#define _GNU_SOURCE /* wcwidth() and memmem(), in glibc */
#include "columns.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include "play-common.h"

int columns_at(const char *s, size_t *length)
{
    long character = character_at(s, length);
    return character < 0 || is_control(character)
        ? -1 : wcwidth((wchar_t)character);
}

int columns_of(const char *s)
{
    int columns = 0;
    for (size_t n; *s != '\0'; s += n)
        columns += abs(columns_at(s, &n));
    return columns;
}

static bool is_one_of(const char *list, const char *s, size_t length)
{
    return memmem(list, strlen(list), s, length) != NULL;
}

size_t columns_fit(const char *s, int room, int *used)
{
    static const char closing[] = ",.;:?!)，。、；：？！）》」』”’…";
    size_t at, n, end = 0;
    int width = 0, end_width = 0, w;
    bool wide = false, open = true; /* the character before */
    for (at = 0; s[at] != '\0'; at += n, width += w) {
        w = abs(columns_at(s + at, &n));
        bool between = (w == 2 || (wide && w > 0)) && !open &&
                       !is_one_of(closing, s + at, n);
        if (at > 0 && (s[at] == ' ' || between)) {
            end = at;
            end_width = width;
        }
        if (at > 0 && width + w > room)
            break;
        wide = w == 2;
        open = is_one_of("(（《「『“‘", s + at, n);
    }
    bool whole = s[at] == '\0' || end == 0;
    *used = whole ? width : end_width;
    return whole ? at : end;
}
