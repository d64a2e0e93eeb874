/*
 * log: the server's log. log.h says what it does.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "text.h"

enum {
    LOG_TEXT = 4 * 1024, /* bytes: a longer text is cut off */
};

bool log_quiet;

void log_print(const char *file, int line, const char *format, ...)
{
    char text[LOG_TEXT], shown[4 * LOG_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    text_escape(shown, sizeof shown, text, strlen(text));
    printf("%s:%d: %s\n", file, line, shown);
}
