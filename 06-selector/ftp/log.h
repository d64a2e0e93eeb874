/*
 * log: the server's log, a line for each event, on standard output.
 */
#ifndef FTP_LOG_H
#define FTP_LOG_H

#include <stdbool.h>
#include <stdio.h>

extern bool log_quiet; /* true: LOG() prints nothing. At first it is false. */

/* Print FILE:LINE of the call, and the text. The format is as in printf(3),
   and has no line feed. Needs at least one argument after the format. */
#define LOG(format, ...) \
    ((void)(log_quiet || printf("%s:%d: " format "\n", \
                                __FILE__, __LINE__, __VA_ARGS__)))

#endif
