/*
 * replies: the replies of the server on one control connection, which is a
 * non-blocking socket. The kernel may have no room for all the bytes; the rest
 * is pending until replies_flush() can send it.
 */
#ifndef FTP_REPLIES_H
#define FTP_REPLIES_H

#include <stdbool.h>
#include <stddef.h>

struct replies {
    int fd;              /* the control connection; the owner closes it */
    char *pending;       /* bytes that the kernel had no room for, or NULL */
    size_t pending_size; /* bytes */
};

/* Send this text and CR LF, as far as the kernel has room for the bytes, and
   keep the rest. It doubles each byte 255, which begins a Telnet command: see
   lines.c. Returns -1 after an error, and sets errno: the connection is
   broken, or ENOMEM. Then the session must end. */
int replies_send(struct replies *replies, const char *text);

/* Are there pending bytes? Then wait until the fd is writable, and call
   replies_flush(). */
bool replies_pending(const struct replies *replies);

/* Send pending bytes, as far as there is room. Returns as replies_send(). */
int replies_flush(struct replies *replies);

/* Free the pending bytes. */
void replies_free(struct replies *replies);

#endif
