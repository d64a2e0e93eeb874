/*
 * ftp-transfer: what goes through a data connection, a chunk at a time; what
 * it promises stands in ftp-transfer.h.
 *
 * Look at transfer_turn() and the three turns before it: none has a loop over
 * a file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ftp-transfer.h"
#include "ftp-tree.h"

enum {
    LINE_ROOM = 3 * 1024,           /* bytes: no line of a list is longer */
    HALF_A_YEAR = 182 * 24 * 3600, /* seconds: ls shows the year beyond */
};

struct transfer {
    bool ascii;
    int file;         /* sent, or the old one of which we keep some; or -1 */
    off_t left;       /* bytes of it still to be read */
    DIR *directory;   /* listed, or NULL */
    enum transfer_list style;
    char prefix[2 * TREE_PATH]; /* as the client wrote it: may be longer */
    bool receives;
    bool held_cr;     /* CR came last: what it means depends on the next */
    struct tree_upload upload;
    long long moved;
    size_t begin, end; /* of what is in the buffer and waits to be sent */
    char buffer[TRANSFER_CHUNK];
};

/* The buffer is not cleared: memory that is never used costs nothing. */
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

/* Free it, and do not lose the reason why. Returns NULL. */
static struct transfer *give_up(struct transfer *t)
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
        return give_up(t);
    t->left = found.st_size - from;
    if (t->left >= 0 && lseek(t->file, from, SEEK_SET) == from)
        return t;
    errno = EINVAL;
    return give_up(t);
}

struct transfer *transfer_receive(const char *path, off_t keep, bool ascii)
{
    struct stat found = { .st_size = 0 };
    struct transfer *t = new_transfer(ascii);
    if (t == NULL)
        return NULL;
    if (keep != 0 && (t->file = tree_read(path, &found)) < 0 &&
        !(keep == -1 && errno == ENOENT))
        return give_up(t);
    t->left = keep == -1 ? found.st_size : keep;
    errno = EINVAL;
    if (t->left > found.st_size || tree_begin(&t->upload, path) < 0)
        return give_up(t);
    t->receives = true;
    return t;
}

struct transfer *transfer_list(const char *path, enum transfer_list style,
                               const char *asked)
{
    struct stat found;
    struct transfer *t = new_transfer(false);
    if (t == NULL || tree_stat(path, &found) < 0)
        return give_up(t);
    t->style = style;
    if (!S_ISDIR(found.st_mode)) {
        const char *name = style == TRANSFER_NLST ? asked :
                           strrchr(path, '/') + 1;
        t->end = (size_t)transfer_line(t->buffer, LINE_ROOM, style, "", name,
                                       &found);
        return t;
    }
    size_t length = strlen(asked);
    snprintf(t->prefix, sizeof t->prefix, "%s%s", asked,
             length > 0 && asked[length - 1] != '/' ? "/" : "");
    t->directory = tree_list(path);
    return t->directory == NULL ? give_up(t) : t;
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
        tree_drop(&t->upload);
    free(t);
}

bool transfer_wants_write(const struct transfer *t)
{
    return !t->receives || t->left > 0; /* copying needs turns, not bytes */
}

long long transfer_moved(const struct transfer *t)
{
    return t->moved;
}

/* ------------------------------------------------------------------ lists */

static struct tm utc_of(time_t time)
{
    struct tm utc = { .tm_mday = 1 };
    gmtime_r(&time, &utc);
    if (utc.tm_year > 9999 - 1900)
        utc.tm_year = 9999 - 1900; /* the formats have no room for more */
    return utc;
}

void transfer_time(char text[sizeof "YYYYMMDDHHMMSS"], const struct stat *file)
{
    struct tm utc = utc_of(file->st_mtime);
    strftime(text, sizeof "YYYYMMDDHHMMSS", "%Y%m%d%H%M%S", &utc);
}

static int long_line(char *line, size_t size, const char *name,
                     const struct stat *file)
{
    char mode[] = "-rwxrwxrwx", when[sizeof "Jan 01  1970"];
    struct tm utc = utc_of(file->st_mtime);
    time_t age = time(NULL) - file->st_mtime;
    strftime(when, sizeof when, age < 0 || age > HALF_A_YEAR ? "%b %d  %Y" :
             "%b %d %H:%M", &utc);
    if (S_ISDIR(file->st_mode))
        mode[0] = 'd';
    for (int bit = 0; bit < 9; bit++)
        if ((file->st_mode & (0400u >> bit)) == 0)
            mode[1 + bit] = '-';
    return snprintf(line, size, "%s %2lu ftp ftp %12lld %s %s\r\n", mode,
                    (unsigned long)file->st_nlink, (long long)file->st_size,
                    when, name);
}

int transfer_line(char *line, size_t size, enum transfer_list style,
                  const char *prefix, const char *name,
                  const struct stat *file)
{
    char modified[sizeof "YYYYMMDDHHMMSS"];
    if (style == TRANSFER_LIST)
        return long_line(line, size, name, file);
    if (style == TRANSFER_NLST)
        return snprintf(line, size, "%s%s\r\n", prefix, name);
    transfer_time(modified, file);
    if (S_ISDIR(file->st_mode))
        return snprintf(line, size, "type=dir;modify=%s; %s\r\n", modified,
                        name);
    return snprintf(line, size, "type=file;size=%lld;modify=%s; %s\r\n",
                    (long long)file->st_size, modified, name);
}

/* Fill the buffer with lines; with none, when the list has ended. */
static void fill_with_lines(struct transfer *t)
{
    struct stat file;
    const char *name;
    while (t->directory != NULL && t->end + LINE_ROOM < sizeof t->buffer) {
        if ((name = tree_next(t->directory, &file)) == NULL) {
            closedir(t->directory);
            t->directory = NULL;
            return;
        }
        t->end += (size_t)transfer_line(t->buffer + t->end, LINE_ROOM,
                                        t->style, t->prefix, name, &file);
    }
}

/* ------------------------------------------------------------------ files */

/* Read from the file, once. It was longer when we began: EIO. */
static ssize_t read_some(struct transfer *t, char *bytes, size_t room)
{
    ssize_t n = read(t->file, bytes, t->left < (off_t)room ? (size_t)t->left :
                     room);
    if (n == 0)
        errno = EIO;
    if (n > 0)
        t->left -= n;
    return n > 0 ? n : -1;
}

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

/* Fill the buffer from the file. What is read for TYPE A lies in its second
   half, and becomes twice as long at most: it never overtakes itself. */
static bool fill_from_file(struct transfer *t)
{
    char *half = t->buffer + (t->ascii ? sizeof t->buffer / 2 : 0);
    if (t->left == 0)
        return true;
    ssize_t n = read_some(t, half, (size_t)(t->buffer + sizeof t->buffer -
                                            half));
    if (n < 0)
        return false;
    if (!t->ascii)
        t->end = (size_t)n;
    for (ssize_t i = 0; t->ascii && i < n; i++) {
        if (half[i] == '\n')
            t->buffer[t->end++] = '\r';
        t->buffer[t->end++] = half[i];
    }
    return true;
}

/* Each CR LF becomes LF. A CR at the very end is held back until it is known
   what comes; then it stands at bytes[-1], where there is room for it. */
static char *to_lf(struct transfer *t, char *bytes, size_t *length)
{
    char *begin = bytes - t->held_cr, *end = bytes + *length, *to = begin;
    *begin = t->held_cr ? '\r' : *begin;
    t->held_cr = end > begin && end[-1] == '\r';
    end -= t->held_cr;
    for (char *c = begin; c < end; c++)
        if (!(*c == '\r' && (c + 1 < end && c[1] == '\n')))
            *to++ = *c;
    *length = (size_t)(to - begin);
    return begin;
}

/* ------------------------------------------------------------------ turns */

/* The socket said no: is it broken, or only not now? */
static enum transfer_turn not_now(void)
{
    return errno == EAGAIN || errno == EINTR ? TRANSFER_BLOCKED :
           TRANSFER_BROKEN;
}

static enum transfer_turn send_turn(struct transfer *t, int socket)
{
    if (t->begin == t->end) {
        t->begin = t->end = 0;
        if (t->directory != NULL)
            fill_with_lines(t);
        else if (!fill_from_file(t))
            return TRANSFER_FAILED;
        if (t->end == 0)
            return TRANSFER_SENT;
    }
    ssize_t n = send(socket, t->buffer + t->begin, t->end - t->begin, 0);
    if (n < 0)
        return not_now();
    t->begin += (size_t)n;
    t->moved += n;
    return TRANSFER_GOES_ON;
}

/* Before what comes: what is kept of the old file. */
static enum transfer_turn copy_turn(struct transfer *t)
{
    ssize_t n = read_some(t, t->buffer, sizeof t->buffer);
    return n > 0 && write_all(t->upload.file, t->buffer, (size_t)n) ?
           TRANSFER_GOES_ON : TRANSFER_FAILED;
}

static enum transfer_turn receive_turn(struct transfer *t, int socket)
{
    char *bytes = t->buffer + 1; /* one for a CR of the last time */
    ssize_t n = recv(socket, bytes, sizeof t->buffer - 1, 0);
    if (n < 0)
        return not_now();
    size_t length = (size_t)n;
    t->moved += n;
    if (n == 0 && t->held_cr) {
        t->held_cr = false; /* nothing comes: it was a CR */
        *bytes = '\r';
        length = 1;
    } else if (t->ascii)
        bytes = to_lf(t, bytes, &length);
    if (!write_all(t->upload.file, bytes, length))
        return TRANSFER_FAILED;
    return n == 0 ? TRANSFER_RECEIVED : TRANSFER_GOES_ON;
}

enum transfer_turn transfer_turn(struct transfer *t, int socket)
{
    if (!t->receives)
        return send_turn(t, socket);
    return t->left > 0 ? copy_turn(t) : receive_turn(t, socket);
}

int transfer_publish(struct transfer *t)
{
    t->receives = false; /* whatever comes of it, the upload is over */
    return tree_publish(&t->upload);
}
