/*
 * log: the server's log, a line for each event, on standard output.
 */
#ifndef FTP_LOG_H
#define FTP_LOG_H

#include <stdbool.h>

extern bool log_quiet; /* true: LOG() prints nothing. At first it is false. */

/* Print FILE:LINE of the call, and the text. The format is as in printf(3),
   and has no line feed. Names in the text come from clients: a control
   character in them appears as \xNN, so it cannot change the terminal. */
#define LOG(...) \
    ((void)(log_quiet || (log_print(__FILE__, __LINE__, __VA_ARGS__), true)))

void log_print(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
