/*
 * ftp/client: get, put or list files of an FTP server at 127.0.0.1.
 *
 *     06-selector/ftp/client [-p PORT] [-u NAME:PASSWORD] [-c] COMMAND ...
 *
 *     ls [DIRECTORY]      list the files, as the server sends the list
 *     get FILE [AS]       download a file. It is AS.part until it is complete;
 *                         after an error the next get continues that file
 *     put FILE [AS]       upload a file; "-" is standard input. With -c: the
 *                         server has the beginning of the file, send the rest
 *
 * On a terminal it draws a progress bar. Exit status: 0 done, 1 an error,
 * 2 wrong usage.
 *
 * Look at get(): FTP uses two connections, one for commands and replies (in
 * control.c), and one for each file or list. The transfer is complete only if
 * the data connection has ended and the reply says so. The client blocks in
 * recv() and send(), as the client of lesson 01: it has one server only.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "progress.h"
#include "text.h"

#define LESSON "06-selector/ftp"
#define USAGE "usage: " LESSON "/client [-p PORT (2121)] " \
              "[-u NAME:PASSWORD] [-c (continue a put)]\n" \
              "       get FILE [AS] | put FILE [AS] | ls [DIRECTORY]"

enum {
    DEFAULT_PORT = 2121,
    CHUNK = 64 * 1024, /* bytes moved at once */
    PATH_SIZE = 4096,  /* bytes of a file's name */
};

static char part[PATH_SIZE]; /* the incomplete file of a get; "": none */

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* -------------------------------------------------------------- transfers */

/* The number in the reply to SIZE or MDTM; -1: the server has none. */
static long long file_fact(const char *name, const char *file)
{
    return control_command("%s %s", name, file) == 213 ? control_number() : -1;
}

static bool write_all(int fd, const char *bytes, ssize_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, bytes, (size_t)length);
        if (n < 0 && errno != EINTR)
            return false;
        bytes += n > 0 ? n : 0;
        length -= n > 0 ? n : 0;
    }
    return true;
}

/* As read(2), without EINTR. */
static ssize_t read_chunk(int fd, char *bytes, size_t room)
{
    ssize_t n;
    while ((n = read(fd, bytes, room)) < 0 && errno == EINTR)
        continue;
    return n;
}

/* Copy from data to a file, until the end. False: data failed, see errno; the
   reply says more. If the file fails, or there are more bytes than size (-1:
   unknown), exit: then the part must not look like the beginning of the
   file. */
static bool receive_file(int data, int file, const char *name, long long size)
{
    static char bytes[CHUNK];
    ssize_t n;
    while ((n = read_chunk(data, bytes, sizeof bytes)) > 0) {
        if (!write_all(file, bytes, n))
            err(1, "write");
        progress_add(n);
        if (size >= 0 && progress_bytes() > size) {
            (void)!ftruncate(file, 0);
            errx(1, "%s: more than %lld bytes, which is the SIZE that the "
                 "server has told", text_printable(name), size);
        }
    }
    return n == 0;
}

/* Copy from a file to data. Returns as receive_file(). */
static bool send_file(int file, int data)
{
    static char bytes[CHUNK];
    ssize_t n;
    while ((n = read_chunk(file, bytes, sizeof bytes)) > 0) {
        if (!write_all(data, bytes, n))
            return false;
        progress_add(n);
    }
    if (n < 0)
        err(1, "read");
    return true;
}

/* Print complete lines, without their CR, and without control characters.
   Returns how many bytes that were. Lines of a list end with CR LF. */
static size_t print_lines(const char *bytes, size_t size)
{
    static char shown[4 * CHUNK + 1];
    const char *end;
    size_t from = 0;
    while ((end = memchr(bytes + from, '\n', size - from)) != NULL) {
        size_t length = (size_t)(end - bytes) - from;
        bool has_cr = length > 0 && end[-1] == '\r';
        text_escape(shown, sizeof shown, bytes + from, length - has_cr);
        if (printf("%s\n", shown) < 0)
            err(1, "write");
        from += length + 1;
    }
    return from;
}

/* Print a list, until the end. Returns as receive_file(). */
static bool receive_list(int data)
{
    static char bytes[CHUNK];
    size_t size = 0;
    ssize_t n;
    while ((n = read_chunk(data, bytes + size, sizeof bytes - 1 - size)) > 0) {
        size += (size_t)n;
        if (size == sizeof bytes - 1) /* one more, for a line without end */
            bytes[size++] = '\n';
        size_t printed = print_lines(bytes, size);
        size -= printed;
        memmove(bytes, bytes + printed, size);
    }
    if (size > 0) { /* the last line has no end */
        bytes[size++] = '\n';
        print_lines(bytes, size);
    }
    if (fflush(stdout) != 0)
        err(1, "write");
    return n == 0;
}

/* Send a command that moves a file or a list. Its first reply is 150; some
   servers send a 200 before it. */
static void begin_transfer(const char *verb, const char *name)
{
    int code = control_command(*name == '\0' ? "%s" : "%s %s", verb, name);
    if (code == 200)
        code = control_reply();
    if (code / 100 != 1)
        control_refused(name);
}

/* Its bytes have moved: for the server this is the end of the file. Its second
   reply is 226. */
static void end_transfer(int data, const char *name, bool complete)
{
    int reason = errno;
    close(data);
    int code = control_reply();
    progress_end();
    if (code / 100 != 2)
        control_refused(name);
    if (!complete)
        errx(1, "%s: data connection: %s", text_printable(name),
             strerror(reason));
}

/* ------------------------------------------------------------------- lists */

/* A server may take "-d" as an option of ls(1), but not "./-d". */
static void list(const char *directory)
{
    char path[PATH_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s%s", *directory == '-' ? "./" :
                         "", directory) >= sizeof path)
        errx(1, "the name is too long: %s", text_printable(directory));
    int data = control_open_data();
    begin_transfer("LIST", path);
    end_transfer(data, path, receive_list(data));
}

/* --------------------------------------------------------------- downloads */

/* The time of the file's last change, as in the reply to MDTM: YYYYMMDDHHMMSS,
   as one number. 0: the year has no four digits. */
static long long change_time(const struct stat *file)
{
    struct tm utc = { .tm_year = 0 };
    if (gmtime_r(&file->st_mtime, &utc) == NULL || utc.tm_year < 1 - 1900 ||
        utc.tm_year > 9999 - 1900)
        return 0;
    return ((((utc.tm_year + 1900LL) * 100 + utc.tm_mon + 1) * 100 +
             utc.tm_mday) * 100 + utc.tm_hour) * 10000 + utc.tm_min * 100 +
           utc.tm_sec;
}

/* At exit: an empty part is of no use. */
static void remove_empty_part(void)
{
    struct stat found;
    if (*part != '\0' && stat(part, &found) == 0 && found.st_size == 0)
        unlink(part);
}

/* Is the name still the name of this open file? */
static bool is_same_file(int fd, const char *name)
{
    struct stat open_file, found;
    return fstat(fd, &open_file) == 0 && stat(name, &found) == 0 &&
           open_file.st_dev == found.st_dev &&
           open_file.st_ino == found.st_ino;
}

/* Open AS.part, and lock it: two clients that append to one file would mix
   their bytes. The kernel unlocks it when this process ends. The other client
   may rename the file between open() and flock(): then open a new one. */
static int open_part(const char *as)
{
    if ((size_t)snprintf(part, sizeof part, "%s.part", as) >= sizeof part)
        errx(1, "the name is too long: %s", text_printable(as));
    for (;;) {
        int file = open(part, O_WRONLY | O_CREAT | O_APPEND, 0666);
        if (file < 0)
            err(1, "%s", text_printable(part));
        if (flock(file, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
            errx(1, "%s: another client is writing to it",
                 text_printable(part));
        if (is_same_file(file, part)) {
            atexit(remove_empty_part);
            return file;
        }
        close(file);
    }
}

static long long begin_again(int file)
{
    if (ftruncate(file, 0) < 0)
        err(1, "ftruncate");
    return 0;
}

/* Where to continue: at the end of the part, if the server's file is older
   than it. Else clear the part and return 0. size: of the server's file; -1:
   unknown. */
static long long end_of_part(int file, const char *name, long long size)
{
    struct stat local;
    if (fstat(file, &local) < 0 || local.st_size > size)
        return begin_again(file);
    long long time = file_fact("MDTM", name);
    return time >= 0 && time < change_time(&local) ? local.st_size :
                                                     begin_again(file);
}

/* An old server has no SIZE: then only the reply says that all is there. */
static void get(const char *name, const char *as)
{
    struct stat found;
    if (stat(as, &found) == 0 && S_ISDIR(found.st_mode))
        errx(1, "%s: this is a directory", text_printable(as));
    int code = control_command("SIZE %s", name);
    long long size = code == 213 ? control_number() : -1;
    if (code == 550)
        control_refused(name);
    int file = open_part(as);
    long long from = end_of_part(file, name, size);
    int data = control_open_data();
    if (from > 0 && control_command("REST %lld", from) != 350)
        from = begin_again(file);
    begin_transfer("RETR", name);
    progress_begin(name, from, size);
    end_transfer(data, name, receive_file(data, file, name, size));
    if (progress_bytes() < size)
        errx(1, "%s: only %lld of %lld bytes", text_printable(name),
             progress_bytes(), size);
    if (rename(part, as) < 0)
        err(1, "%s", text_printable(as));
    *part = '\0';
    if (close(file) < 0)
        err(1, "%s", text_printable(as));
}

/* ----------------------------------------------------------------- uploads */

/* Open the file to upload. Returns its size; -1: unknown. */
static long long open_upload(const char *name, int *file)
{
    struct stat local;
    *file = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY);
    if (*file < 0 || fstat(*file, &local) < 0)
        err(1, "%s", text_printable(name));
    if (S_ISDIR(local.st_mode))
        errx(1, "%s: this is a directory", text_printable(name));
    return S_ISREG(local.st_mode) ? (long long)local.st_size : -1;
}

/* Many servers ignore ALLO. But a server can learn from it how many bytes to
   wait for. */
static void put(const char *name, const char *as, bool resume)
{
    int file;
    long long size = open_upload(name, &file);
    long long from = resume ? file_fact("SIZE", as) : 0;
    if (from > size && size >= 0)
        errx(1, "%s: the server's file is longer", text_printable(as));
    if (from < 0)
        from = 0; /* the server has no such file yet */
    if (from > 0 && lseek(file, from, SEEK_SET) < 0)
        err(1, "%s", text_printable(name));
    int data = control_open_data();
    if (size >= 0)
        control_command("ALLO %lld", size - from);
    if (from > 0 && control_command("REST %lld", from) != 350)
        control_refused("REST");
    begin_transfer("STOR", as);
    progress_begin(name, from, size);
    end_transfer(data, as, send_file(file, data));
    if (progress_bytes() < size)
        errx(1, "%s: it became shorter, only %lld of %lld bytes",
             text_printable(name), progress_bytes(), size);
}

/* ------------------------------------------------------------------ usage */

/* An option's number, from LEAST to MOST. */
static int parse_number(const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        errx(2, "'%s' is not a number from %d to %d\n%s", text, least, most,
             USAGE);
    return (int)n;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Exit if the words are not a command. as: the name of the new file. */
static void check_command(int count, char **words, const char *as)
{
    if (count == 0)
        errx(2, "there is no command\n%s", USAGE);
    bool lists = strcmp(words[0], "ls") == 0;
    if (!lists && strcmp(words[0], "get") != 0 && strcmp(words[0], "put") != 0)
        errx(2, "'%s' is not a command\n%s", text_printable(words[0]),
             USAGE);
    if (count > (lists ? 2 : 3))
        errx(2, "unexpected argument '%s'\n%s",
             text_printable(words[count - 1]), USAGE);
    if (!lists && (count < 2 || *words[1] == '\0' || *as == '\0' ||
                   strcmp(as, "-") == 0))
        errx(2, "%s: the new file needs a name\n%s", words[0], USAGE);
}

/* Copy NAME:PASSWORD, and overwrite the password with *, so that ps(1) does
   not show it. */
static const char *take_account(char *text)
{
    static char *copy; /* the program keeps it until its end */
    char *colon = strchr(text, ':');
    free(copy);
    copy = strdup(text);
    if (copy == NULL)
        err(1, "strdup");
    if (colon != NULL)
        memset(colon + 1, '*', strlen(colon + 1));
    return copy;
}

int main(int argc, char **argv)
{
    const char *account = "anonymous:nobody@";
    int port = DEFAULT_PORT;
    bool resume = false;
    int option;
    while ((option = getopt(argc, argv, "p:u:c")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 1, 65535); break;
        case 'u': account = take_account(optarg); break;
        case 'c': resume = true; break;
        default: errx(2, USAGE);
        }
    char **words = argv + optind;
    int count = argc - optind;
    const char *name = count > 1 ? words[1] : "";
    const char *as = count > 2 ? words[2] : base_name(name);
    check_command(count, words, as);

    if (strcmp(words[0], "put") == 0 && strcmp(name, "-") == 0 &&
        fcntl(STDIN_FILENO, F_GETFD) < 0)
        errx(1, "put -: standard input is closed");
    open_standard_fds();
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    control_open(port, account);
    if (strcmp(words[0], "ls") == 0)
        list(name);
    else if (strcmp(words[0], "get") == 0)
        get(name, as);
    else
        put(name, as, resume);
    control_quit();
    return 0;
}
