/*
 * ftp-transfer: what goes through a data connection, a chunk at a time: a
 * file or a list of files to the client, or a file from it. It knows neither
 * sessions nor commands.
 *
 * A turn moves at most one chunk and never waits; so who has many transfers
 * and gives each its turn serves all alike. Of a file, no more than a chunk is
 * ever in memory.
 */
#ifndef FTP_TRANSFER_H
#define FTP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum {
    TRANSFER_CHUNK = 64 * 1024, /* bytes in a turn, at most */
};

enum transfer_list { /* the commands' names */
    TRANSFER_LIST, /* as ls -l */
    TRANSFER_NLST, /* paths, for programs */
    TRANSFER_MLSD, /* facts, for programs: RFC 3659 */
};

enum transfer_turn {
    TRANSFER_GOES_ON,
    TRANSFER_BLOCKED,  /* the socket has nothing, or no room, now */
    TRANSFER_SENT,     /* all of it */
    TRANSFER_RECEIVED, /* all of it: now transfer_publish() */
    TRANSFER_BROKEN,   /* the socket failed: see errno */
    TRANSFER_FAILED,   /* the file failed: see errno */
};

struct transfer;

/* Send a file, from this byte on. With ascii (TYPE A), each end of line goes
   out as CR LF and comes in as LF. These three return NULL where they fail,
   with the reason in errno. EINVAL: it has no such byte. */
struct transfer *transfer_send(const char *path, off_t from, bool ascii);

/* Receive a file. Of the one that is there, keep so many bytes (-1: all; it
   need not be there) and put what comes behind them. */
struct transfer *transfer_receive(const char *path, off_t keep, bool ascii);

/* Send the list of a directory, or the one line of a file. asked is what the
   client has called it, or "": NLST's names begin so, for it to use. */
struct transfer *transfer_list(const char *path, enum transfer_list style,
                               const char *asked);

/* Wait for this before a turn: true, that the socket may be written to. */
bool transfer_wants_write(const struct transfer *transfer);

/* One turn on this socket, which must be non-blocking. */
enum transfer_turn transfer_turn(struct transfer *transfer, int socket);

/* The file that was received becomes visible. Returns -1 where that fails; see
   errno. The transfer remains to be freed. */
int transfer_publish(struct transfer *transfer);

/* Bytes that went through the socket. */
long long transfer_moved(const struct transfer *transfer);

/* Away with it; of a file that was not published nothing is left. */
void transfer_free(struct transfer *transfer);

/* The line about one file, with its CR LF, as snprintf() writes it. */
int transfer_line(char *line, size_t size, enum transfer_list style,
                  const char *prefix, const char *name,
                  const struct stat *file);

/* Its last change, as in MLSD and MDTM: YYYYMMDDHHMMSS, in UTC. */
void transfer_time(char text[sizeof "YYYYMMDDHHMMSS"],
                   const struct stat *file);

#endif
