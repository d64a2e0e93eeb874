/*
 * progress: a bar on standard error that shows how much of a file has moved.
 * If standard error is not a terminal, it draws nothing.
 */
#ifndef FTP_PROGRESS_H
#define FTP_PROGRESS_H

/* Begin a bar. name: a path, of which the last part is shown. first: bytes
   that are there already. expected: bytes in the end, or -1: unknown. */
void progress_begin(const char *name, long long first, long long expected);

/* So many more bytes have moved. Does nothing before progress_begin(). */
void progress_add(long long bytes);

/* All bytes, with the first ones. */
long long progress_bytes(void);

/* Draw the bar for the last time, and a line feed. */
void progress_end(void);

#endif
