/* words: the words of an action in a scene. See words.h. */
#include "words.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool words_mistake(const struct words *w, const char *format, ...)
{
    char text[500];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (w->form != NULL && n >= 0 && n < (int)sizeof text)
        snprintf(text + n, sizeof text - (size_t)n, "; the form is: %s",
                 w->form);
    for (char *c = strchr(text, '\n'); c != NULL; c = strchr(c, '\n'))
        *c = '?';
    return fail("%s:%d: %s", w->file, w->line, text);
}

/* How many letters must be added, left out or replaced to make B of A
   (Levenshtein). B has at most 15 letters. */
static size_t difference(const char *a, const char *b)
{
    size_t row[16], n = strlen(b);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t least = corner + (a[i - 1] != b[j - 1]);
            if (least > row[j] + 1)
                least = row[j] + 1;
            if (least > row[j - 1] + 1)
                least = row[j - 1] + 1;
            corner = row[j];
            row[j] = least;
        }
    }
    return row[n];
}

bool words_unknown(const struct words *w, const char *what, const char *word,
                   const char *const *all)
{
    char list[200] = "";
    const char *nearest = NULL;
    size_t least = 3; /* more letters differ: another word is meant */
    for (size_t i = 0; all[i] != NULL; i++) {
        size_t d = difference(word, all[i]);
        if (d < least && d < strlen(all[i]) - 1) {
            least = d;
            nearest = all[i];
        }
        strcat(strcat(list, i == 0 ? "" : ", "), all[i]);
    }
    if (nearest != NULL)
        return words_mistake(w, "'%.50s' is no %s: %s; did you mean %s?", word,
                             what, list, nearest);
    return words_mistake(w, "'%.50s' is no %s: %s", word, what, list);
}

/* ---------------------------------------------------------------- a line */

/* Read bytes up to a newline into LINE. Returns how many; -1: the end of the
   file, and there are none. Of a longer line it reads MOST_LINE + 1 bytes. */
static int read_bytes(FILE *f, char line[MOST_LINE + 2])
{
    int n = 0, c = '\0';
    while (n <= MOST_LINE && (c = getc(f)) != EOF && c != '\n')
        line[n++] = (char)c;
    line[n] = '\0';
    return n == 0 && c == EOF ? -1 : n;
}

/* Is the line text, which a terminal shows as it stands? It may have tabs, and
   a CR at its end. */
static bool check_text(const struct words *w, const char *line, int n)
{
    size_t length;
    for (int i = 0; i < n; i += (int)length) {
        long c = character_at(line + i, &length);
        if (c == '\t' || (c == '\r' && i == n - 1))
            continue;
        if (c < 0)
            return words_mistake(w, "this line is no text in UTF-8");
        if (is_control(c))
            return words_mistake(w, "this line has a control character "
                                 "(U+%04lX); in quotes you can write \\n, "
                                 "\\x1b, ...", (unsigned long)c);
    }
    return true;
}

bool words_read_line(struct words *w, FILE *f, char **line)
{
    char bytes[MOST_LINE + 2];
    int n = read_bytes(f, bytes);
    w->form = NULL;
    *line = NULL;
    if (n < 0)
        return !ferror(f) || fail("play: %s: %s", w->file, strerror(errno));
    w->line++;
    w->size += (size_t)n + 1;
    if (n > MOST_LINE)
        return words_mistake(w, "this line has more than %d bytes",
                             MOST_LINE);
    if (w->size > MOST_SCENE)
        return words_mistake(w, "a scene has at most %d bytes", MOST_SCENE);
    if (!check_text(w, bytes, n))
        return false;
    *line = strdup(bytes);
    return *line != NULL || fail("no memory");
}

/* --------------------------------------------------------------- its words */

/* Read one byte of a quoted text at *S; *S moves on behind it. */
static bool read_byte(struct words *w, const char **s, char *byte)
{
    static const char names[] = "abefnrtv'\"?\\";
    static const char codes[] = "\a\b\033\f\n\r\t\v'\"?\\";
    *byte = *(*s)++;
    if (*byte != '\\')
        return true;
    bool hex = **s == 'x';
    size_t n = strspn(*s + hex, hex ? "0123456789abcdefABCDEF" : "01234567");
    size_t most = hex ? 2 : 3;
    if (n > 0) {
        char digits[4] = "";
        memcpy(digits, *s + hex, n < most ? n : most);
        *s += hex + strlen(digits);
        *byte = (char)strtol(digits, NULL, hex ? 16 : 8);
        return true;
    }
    const char *name = **s == '\0' ? NULL : strchr(names, **s);
    if (name == NULL)
        return words_mistake(w, "C has no escape \\%.1s", *s);
    *byte = codes[name - names];
    (*s)++;
    return true;
}

/* Read the word at *S; *S moves on behind it. */
static bool read_word(struct words *w, const char **s)
{
    struct word *word = &w->all[w->n];
    *word = (struct word){ grown(NULL, strlen(*s) + 1), 0, **s == '"' };
    if (word->text == NULL)
        return false;
    w->n++;
    if (word->quoted) {
        for ((*s)++; **s != '"' && **s != '\0'; word->length++)
            if (!read_byte(w, s, &word->text[word->length]))
                return false;
        if (*(*s)++ != '"')
            return words_mistake(w, "a closing \" is missing");
    } else {
        while (**s != '\0' && strchr(" \t;\"", **s) == NULL)
            word->text[word->length++] = *(*s)++;
    }
    word->text[word->length] = '\0';
    word->text = grown(word->text, word->length + 1); /* it shrinks */
    return word->text != NULL;
}

bool words_split(struct words *w, const char **s)
{
    w->n = w->at = 0;
    w->form = NULL;
    for (*s += strspn(*s, " \t"); **s != '\0' && **s != '#' && **s != ';';
         *s += strspn(*s, " \t")) {
        if (w->n == MOST_WORDS)
            return words_mistake(w, "an action has at most %d words",
                                 MOST_WORDS);
        if (!read_word(w, s))
            return false;
    }
    return true;
}

bool words_next_is(struct words *w, const char *text)
{
    bool is = w->at < w->n && !w->all[w->at].quoted &&
              strcmp(w->all[w->at].text, text) == 0;
    w->at += is;
    return is;
}

bool words_number_is_next(const struct words *w)
{
    return w->at < w->n && !w->all[w->at].quoted &&
           isdigit((unsigned char)w->all[w->at].text[0]);
}

const char *words_want(struct words *w, const char *what)
{
    if (w->at < w->n)
        return w->all[w->at++].text;
    words_mistake(w, "%s is missing at the end", what);
    return NULL;
}

bool words_want_number(struct words *w, const char *what, long least,
                       long most, long *number)
{
    char *end;
    bool is = words_number_is_next(w);
    const char *text = words_want(w, what);
    if (text == NULL)
        return false;
    errno = 0;
    *number = strtol(text, &end, 10);
    if (!is || *end != '\0')
        return words_mistake(w, "%s must be a whole number, not '%s'", what,
                             text);
    if (errno == ERANGE || *number > most)
        return words_mistake(w, "%s is too large for %s: at most %ld", text,
                             what, most);
    if (*number < least)
        return words_mistake(w, "%s is too small for %s: at least %ld", text,
                             what, least);
    return true;
}

bool words_want_time(struct words *w, double *seconds)
{
    char *unit;
    const char *text = words_want(w, "a time (300ms, 1.5s)");
    if (text == NULL)
        return false;
    *seconds = strtod(text, &unit);
    if (unit == text || (strcmp(unit, "ms") != 0 && strcmp(unit, "s") != 0))
        return words_mistake(w, "'%s' is no time (300ms, 1.5s)", text);
    *seconds /= *unit == 'm' ? 1000 : 1;
    if (!(*seconds > 0 && *seconds <= MOST_SECONDS)) /* or it is NaN */
        return words_mistake(w, "the time %s is not between 0 and %d s",
                             text, MOST_SECONDS);
    return true;
}

bool words_want_bytes(struct words *w, struct bytes *bytes)
{
    long times = 1;
    bool counted = words_number_is_next(w);
    if (counted && !words_want_number(w, "N", 1, MOST_NUMBER, &times))
        return false;
    const char *text = words_want(w, counted ? "the text after N"
                                             : "\"text\"");
    if (text == NULL)
        return false;
    const struct word *word = &w->all[w->at - 1];
    if (word->length == 0)
        return words_mistake(w, "\"\" has no byte; at least one is needed");
    if (!counted && !word->quoted)
        return words_mistake(w, "'%s' must stand in quotes: \"%s\"", text,
                             text);
    *bytes = (struct bytes){ text, word->length, (size_t)times };
    return word->length <= MOST_NUMBER / (size_t)times ||
           words_mistake(w, "%ld times %zu bytes are too many: at most %d",
                         times, word->length, MOST_NUMBER);
}

bool words_want_signal(struct words *w, long *number)
{
    const char *name = words_want(w, "the name of a signal");
    if (name == NULL)
        return false;
    *number = signal_number(name);
    return *number != 0 ||
           words_mistake(w, "'%s' is no signal that a scene knows", name);
}
