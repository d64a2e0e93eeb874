/*
 * transfer: a file or a list through a socket, a chunk at a time. transfer.h
 * says what it does.
 *
 * Look at transfer_turn() and the three turns before it: none of them has a
 * loop over the whole file.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transfer.h"
#include "tree.h"

struct transfer {
    bool ascii;
    int file;         /* the file to send, or the old one to keep; or -1 */
    off_t left;       /* bytes of that file that are not read yet */
    DIR *directory;   /* the one to list, or NULL */
    enum listing_format format;
    char prefix[2 * TREE_PATH]; /* for LISTING_NLST */
    bool receives;
    bool held_cr;     /* the last byte was CR: the next one decides */
    struct tree_upload upload;
    long long bytes;    /* sent or received */
    long long expected; /* to receive; 0: unknown */
    size_t begin, end; /* the part of the buffer that waits to be sent */
    char buffer[TRANSFER_CHUNK];
};

/* The buffer is not cleared, so an unused part of it takes no memory. */
static struct transfer *new_transfer(bool ascii)
{
    struct transfer *t = malloc(sizeof *t);
    if (t == NULL)
        return NULL;
    memset(t, 0, offsetof(struct transfer, buffer));
    t->ascii = ascii;
    t->file = -1;
    return t;
}

/* Free the transfer, keep errno, return NULL. */
static struct transfer *free_and_fail(struct transfer *t)
{
    int reason = errno;
    transfer_free(t);
    errno = reason;
    return NULL;
}

struct transfer *transfer_send(const char *path, off_t from, bool ascii)
{
    struct stat found;
    struct transfer *t = new_transfer(ascii);
    if (t == NULL || (t->file = tree_read(path, &found)) < 0)
        return free_and_fail(t);
    t->left = found.st_size - from;
    if (t->left >= 0 && lseek(t->file, from, SEEK_SET) == from)
        return t;
    errno = EINVAL;
    return free_and_fail(t);
}

struct transfer *transfer_receive(const char *path, off_t keep, bool ascii)
{
    struct stat found = { .st_size = 0 };
    struct transfer *t = new_transfer(ascii);
    if (t == NULL)
        return NULL;
    if (keep != 0 && (t->file = tree_read(path, &found)) < 0 &&
        !(keep == -1 && errno == ENOENT))
        return free_and_fail(t);
    t->left = keep == -1 ? found.st_size : keep;
    errno = EINVAL;
    if (t->left > found.st_size || tree_begin_upload(&t->upload, path) < 0)
        return free_and_fail(t);
    t->receives = true;
    return t;
}

struct transfer *transfer_list(const char *path, enum listing_format format,
                               const char *asked)
{
    struct stat found;
    struct transfer *t = new_transfer(false);
    if (t == NULL || tree_stat(path, &found) < 0)
        return free_and_fail(t);
    t->format = format;
    if (!S_ISDIR(found.st_mode)) {
        const char *name = format == LISTING_NLST ? asked :
                           strrchr(path, '/') + 1;
        t->end = (size_t)listing_line(t->buffer, LISTING_LINE, format, "",
                                      name, &found);
        return t;
    }
    size_t length = strlen(asked);
    snprintf(t->prefix, sizeof t->prefix, "%s%s", asked,
             length > 0 && asked[length - 1] != '/' ? "/" : "");
    t->directory = tree_list(path);
    return t->directory == NULL ? free_and_fail(t) : t;
}

void transfer_free(struct transfer *t)
{
    if (t == NULL)
        return;
    if (t->file >= 0)
        close(t->file);
    if (t->directory != NULL)
        closedir(t->directory);
    if (t->receives)
        tree_discard(&t->upload);
    free(t);
}

void transfer_expect(struct transfer *t, off_t bytes)
{
    t->expected = bytes;
}

bool transfer_is_whole(const struct transfer *t)
{
    return t->expected > 0 && t->bytes == t->expected;
}

/* While it copies the old file it needs turns, but no bytes of the client: a
   socket is nearly always writable. */
bool transfer_wants_write(const struct transfer *t)
{
    return !t->receives || t->left > 0;
}

long long transfer_bytes(const struct transfer *t)
{
    return t->bytes;
}

/* ------------------------------------------------------------ the sources */

/* Fill the buffer with lines. At the end of the list close the directory. The
   buffer may stay empty before that, if clients cannot see the entries. */
static bool fill_from_directory(struct transfer *t)
{
    struct stat file;
    for (int i = 0; i < TRANSFER_ENTRIES &&
                    t->end + LISTING_LINE < sizeof t->buffer; i++) {
        const char *name = tree_next(t->directory, &file);
        if (name == NULL && errno != 0)
            return false;
        if (name == NULL) {
            closedir(t->directory);
            t->directory = NULL;
            return true;
        }
        if (*name != '\0')
            t->end += (size_t)listing_line(t->buffer + t->end, LISTING_LINE,
                                           t->format, t->prefix, name, &file);
    }
    return true;
}

/* Read from the file, once. EIO: it has become shorter since the beginning. */
static ssize_t read_file(struct transfer *t, char *bytes, size_t room)
{
    if (t->left < (off_t)room)
        room = (size_t)t->left;
    ssize_t n;
    while ((n = read(t->file, bytes, room)) < 0 && errno == EINTR)
        continue;
    if (n == 0)
        errno = EIO;
    if (n <= 0)
        return -1;
    t->left -= n;
    return n;
}

/* Write the bytes to the buffer, each LF as CR LF. */
static void add_with_cr(struct transfer *t, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n')
            t->buffer[t->end++] = '\r';
        t->buffer[t->end++] = bytes[i];
    }
}

/* Fill the buffer from the file. With ascii, read into its second half: at
   most twice as many bytes go to the front, so they never reach the bytes that
   are still to be copied. */
static bool fill_from_file(struct transfer *t)
{
    size_t offset = t->ascii ? sizeof t->buffer / 2 : 0;
    if (t->left == 0)
        return true;
    ssize_t n = read_file(t, t->buffer + offset, sizeof t->buffer - offset);
    if (n < 0)
        return false;
    if (t->ascii)
        add_with_cr(t, t->buffer + offset, (size_t)n);
    else
        t->end = (size_t)n;
    return true;
}

/* -------------------------------------------------------- the destination */

static bool write_all(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = write(file, bytes, length);
        if (n < 0 && errno != EINTR)
            return false;
        bytes += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Change each CR LF to LF, in place. A CR at the very end is held back until
   the next byte is known; then it goes to bytes[-1], where there is room.
   Returns where the bytes begin now. */
static char *remove_cr(struct transfer *t, char *bytes, size_t *length)
{
    char *begin = bytes - t->held_cr, *end = bytes + *length, *to = begin;
    if (t->held_cr)
        *begin = '\r';
    t->held_cr = end > begin && end[-1] == '\r';
    end -= t->held_cr;
    for (char *c = begin; c < end; c++)
        if (!(*c == '\r' && c + 1 < end && c[1] == '\n'))
            *to++ = *c;
    *length = (size_t)(to - begin);
    return begin;
}

/* ------------------------------------------------------------------ turns */

/* send() or recv() failed. */
static enum transfer_result socket_error(void)
{
    return errno == EAGAIN || errno == EINTR ? TRANSFER_BLOCKED :
                                               TRANSFER_BROKEN;
}

static enum transfer_result send_turn(struct transfer *t, int socket)
{
    if (t->begin == t->end) {
        t->begin = t->end = 0;
        if (t->directory != NULL ? !fill_from_directory(t) :
                                   !fill_from_file(t))
            return TRANSFER_FAILED;
        if (t->end == 0)
            return t->directory != NULL ? TRANSFER_MOVED : TRANSFER_SENT;
    }
    ssize_t n = send(socket, t->buffer + t->begin, t->end - t->begin, 0);
    if (n < 0)
        return socket_error();
    t->begin += (size_t)n;
    t->bytes += n;
    return TRANSFER_MOVED;
}

/* Before the client's bytes: copy the part of the old file that stays. */
static enum transfer_result copy_turn(struct transfer *t)
{
    ssize_t n = read_file(t, t->buffer, sizeof t->buffer);
    return n > 0 && write_all(t->upload.file, t->buffer, (size_t)n) ?
           TRANSFER_MOVED : TRANSFER_FAILED;
}

static enum transfer_result receive_turn(struct transfer *t, int socket)
{
    char *bytes = t->buffer + 1; /* room for remove_cr() */
    ssize_t n = recv(socket, bytes, sizeof t->buffer - 1, 0);
    if (n < 0)
        return socket_error();
    size_t length = (size_t)n;
    t->bytes += n;
    if (n == 0 && t->held_cr) { /* no LF followed: write the CR */
        t->held_cr = false;
        *bytes = '\r';
        length = 1;
    } else if (t->ascii)
        bytes = remove_cr(t, bytes, &length);
    if (!write_all(t->upload.file, bytes, length))
        return TRANSFER_FAILED;
    return n == 0 ? TRANSFER_RECEIVED : TRANSFER_MOVED;
}

enum transfer_result transfer_turn(struct transfer *t, int socket)
{
    if (!t->receives)
        return send_turn(t, socket);
    return t->left > 0 ? copy_turn(t) : receive_turn(t, socket);
}

int transfer_publish(struct transfer *t)
{
    t->receives = false; /* tree_publish() ends the upload in any case */
    return tree_publish(&t->upload);
}
