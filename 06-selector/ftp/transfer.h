/*
 * transfer: send or receive one file or one list of files, a chunk at a time.
 * It knows a socket and a path, but no session and no command.
 *
 * A turn moves at most TRANSFER_CHUNK bytes, looks at TRANSFER_ENTRIES entries
 * of a directory at most, and never waits for the socket.
 * A loop that gives each transfer one turn per round serves all clients alike.
 * No more than one chunk of a file is in memory.
 *
 * With ascii (FTP's TYPE A) a line ends with CR LF on the network, and with LF
 * in the file.
 */
#ifndef FTP_TRANSFER_H
#define FTP_TRANSFER_H

#include <stdbool.h>
#include <sys/types.h>

#include "listing.h"

enum {
    TRANSFER_CHUNK = 64 * 1024, /* bytes in one turn, at most */
    TRANSFER_ENTRIES = 256,     /* of a directory in one turn: each one is a
                                   system call */
};

enum transfer_result { /* of a turn */
    TRANSFER_MOVED,    /* there may be more */
    TRANSFER_BLOCKED,  /* the socket has no bytes, or no room, now */
    TRANSFER_SENT,     /* the client has it all, or the kernel will send it */
    TRANSFER_RECEIVED, /* the client's bytes have ended: transfer_publish() */
    TRANSFER_BROKEN,   /* the socket failed, see errno */
    TRANSFER_FAILED,   /* the file failed, see errno */
};

struct transfer;

/* These three begin a transfer. They return NULL after an error, and set
   errno: EINVAL, the file is shorter than from or keep; or an error of tree.h.
   The caller ends with transfer_free(). */

/* Send a file, from byte number from (0: all of it). */
struct transfer *transfer_send(const char *path, off_t from, bool ascii);

/* Receive a file. keep: bytes of the old file that stay before the new ones.
   0: none; -1: all, and there may be no old file. */
struct transfer *transfer_receive(const char *path, off_t keep, bool ascii);

/* Send a list of the files in a directory; or a list of one file. asked is the
   path in the client's words, or "": LISTING_NLST puts it before the names. */
struct transfer *transfer_list(const char *path, enum listing_format format,
                               const char *asked);

/* The client has told how many bytes it is going to send; 0: it has not. */
void transfer_expect(struct transfer *transfer, off_t bytes);

/* After TRANSFER_RECEIVED: are there exactly as many bytes? */
bool transfer_is_whole(const struct transfer *transfer);

/* Before a turn, wait until the socket is writable (true) or readable. */
bool transfer_wants_write(const struct transfer *transfer);

/* One turn, on a non-blocking socket. */
enum transfer_result transfer_turn(struct transfer *transfer, int socket);

/* After TRANSFER_RECEIVED: the new file replaces the old one, in one step.
   Returns -1 after an error, and sets errno; then the old file stays. */
int transfer_publish(struct transfer *transfer);

/* Bytes that this transfer has sent or received so far. */
long long transfer_bytes(const struct transfer *transfer);

/* Free the transfer; NULL is allowed. Of a file that was not published nothing
   is left. */
void transfer_free(struct transfer *transfer);

#endif
