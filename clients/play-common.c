/* play-common: what all modules of play use. See play-common.h. */
#include "play-common.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *dots = "...";

static char failure_text[FAILURE_BYTES];

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure_text, sizeof failure_text, format, arguments);
    va_end(arguments);
    return false;
}

const char *failure(void)
{
    return failure_text;
}

void *grown(void *old, size_t size)
{
    void *new = realloc(old, size);
    if (new == NULL)
        fail("no memory for %zu bytes", size);
    return new;
}

void fd_close_on_exec(int fd)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void fd_nonblocking(int fd)
{
    fd_close_on_exec(fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

bool fd_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        return fail("pipe: %s", strerror(errno));
    fd_close_on_exec(ends[0]);
    fd_close_on_exec(ends[1]);
    return true;
}

size_t bytes_total(const struct bytes *b)
{
    return b->length * b->times;
}

size_t bytes_slice(const struct bytes *b, size_t offset, char *to,
                   size_t most)
{
    size_t n = bytes_total(b) - offset;
    if (n > most)
        n = most;
    size_t once = n < b->length ? n : b->length;
    for (size_t i = 0; i < once; i++)
        to[i] = b->text[(offset + i) % b->length];
    for (size_t done = once, more; done < n; done += more) {
        more = done < n - done ? done : n - done;
        memcpy(to + done, to, more); /* twice as many each time */
    }
    return n;
}

/* Write one byte as C does in quotes. Returns the length of that. */
static size_t quote_byte(char *to, char byte)
{
    static const char codes[] = "\a\b\t\n\v\f\r\"\\", names[] = "abtnvfr\"\\";
    const char *code = byte == '\0' ? NULL : strchr(codes, byte);
    if (code != NULL)
        return (size_t)sprintf(to, "\\%c", names[code - codes]);
    if (byte < ' ' || byte > '~')
        return (size_t)sprintf(to, "\\x%02x", (unsigned char)byte);
    *to = byte;
    return 1;
}

char *quote(char *to, size_t size, const char *bytes, size_t length)
{
    size_t n = 0;
    to[n++] = '"';
    for (size_t i = 0; i < length && n + 10 <= size; i++) {
        n += quote_byte(to + n, bytes[i]);
        if (i + 1 < length && n + 10 > size)
            n += (size_t)sprintf(to + n, "%s", dots);
    }
    strcpy(to + n, "\"");
    return to;
}

char *bytes_quote(char *to, size_t size, const struct bytes *b)
{
    int n = b->times == 1 ? 0 : snprintf(to, size, "%zu ", b->times);
    quote(to + n, size - (size_t)n, b->text, b->length);
    return to;
}

long character_at(const char *s, size_t *length)
{
    static const long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)*s;
    size_t n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2
             : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    long character = n == 1 ? first : first & (0x7f >> n);
    *length = 1;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return -1;
        character = character << 6 | (s[i] & 0x3f);
    }
    if (n == 0 || character < least[n] || character > 0x10ffff ||
        (character >= 0xd800 && character < 0xe000))
        return -1;
    *length = n;
    return character;
}

bool is_control(long character)
{
    static const struct { long from, to; } ranges[] = {
        { 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c },
        { 0x180e, 0x180e }, { 0x200b, 0x200b }, { 0x200e, 0x200f },
        { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
        { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (character >= ranges[i].from && character <= ranges[i].to)
            return true;
    return false;
}

void print_text(FILE *to, const char *text)
{
    for (size_t n; *text != '\0'; text += n) {
        long character = character_at(text, &n);
        if (character == '\n' || (character >= 0 && !is_control(character)))
            fprintf(to, "%.*s", (int)n, text);
        else
            for (size_t i = 0; i < n; i++)
                fprintf(to, "\\x%02x", (unsigned char)text[i]);
    }
}

static const struct { const char *name; int number; } signals[] = {
    { "SIGTERM", SIGTERM }, { "SIGINT", SIGINT }, { "SIGHUP", SIGHUP },
    { "SIGSTOP", SIGSTOP }, { "SIGCONT", SIGCONT }, { "SIGKILL", SIGKILL },
    { "SIGUSR1", SIGUSR1 }, { "SIGUSR2", SIGUSR2 }, { "SIGPIPE", SIGPIPE },
    { "SIGSEGV", SIGSEGV }, { "SIGABRT", SIGABRT }, { "SIGALRM", SIGALRM },
    { "SIGCHLD", SIGCHLD }, { "SIGQUIT", SIGQUIT }, { "SIGFPE", SIGFPE },
    { "SIGBUS", SIGBUS }, { "SIGILL", SIGILL }, { "SIGWINCH", SIGWINCH },
};

enum { SIGNALS = sizeof signals / sizeof *signals };

int signal_number(const char *name)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (strcmp(name, signals[i].name + strlen("SIG")) == 0)
            return signals[i].number;
    return 0;
}

const char *signal_name(int number)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return strsignal(number);
}
