/*
 * commands: what each FTP command does to a session.
 *
 * Look at the table, at the end; above it are the commands in the same order.
 * RFC 959; 2389 (FEAT, OPTS), 2428 (EPSV), 3659 (SIZE, MDTM, MLST, REST).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "accounts.h"
#include "commands.h"
#include "listing.h"
#include "transfer.h"
#include "tree.h"

/* Short names for the table. */
enum {
    ANYONE = COMMAND_ANYONE,
    URGENT = COMMAND_URGENT,
    CHANGES = COMMAND_CHANGES,
    WORD = COMMAND_WORD,
    PATH = COMMAND_PATH,
    DATA = COMMAND_DATA,
    SECRET = COMMAND_SECRET,
    ACCOUNT = COMMAND_ACCOUNT,
    PREPARES = COMMAND_PREPARES,
};

/* --------------------------------------------------------------- the user */

static void do_user(struct session *s, char *name)
{
    if (s->logged_in)
        session_log_out(s);
    snprintf(s->user, sizeof s->user, "%.*s", NAME_SIZE - 1, name);
    s->read_only = s->settings->anonymous && !accounts_has(s->user) &&
                   (strcasecmp(name, "anonymous") == 0 ||
                    strcasecmp(name, "ftp") == 0);
    reply(s, s->read_only ? "331 Send any password" :
                            "331 Send the password");
}

static void do_pass(struct session *s, char *password)
{
    if (s->user[0] == '\0' || s->logged_in) {
        reply(s, "503 First USER");
        return;
    }
    s->logged_in = s->read_only || accounts_match(s->user, password);
    if (!s->logged_in) {
        session_wrong_password(s);
        return;
    }
    snprintf(s->directory, sizeof s->directory, "/");
    reply(s, "230 Logged in");
}

static void do_quit(struct session *s, char *unused)
{
    (void)unused;
    reply_and_close(s, "221 Goodbye");
}

/* ------------------------------------------------------------- the server */

static void do_syst(struct session *s, char *unused)
{
    (void)unused;
    reply(s, "215 UNIX Type: L8");
}

static void do_feat(struct session *s, char *unused)
{
    (void)unused;
    reply(s, "211-Features:\r\n EPSV\r\n MDTM\r\n"
          " MLST type*;size*;modify*;\r\n REST STREAM\r\n SIZE\r\n TVFS\r\n"
          " UTF8\r\n211 End");
}

static void do_opts(struct session *s, char *option)
{
    if (strcasecmp(option, "UTF8") == 0 || strcasecmp(option, "UTF8 ON") == 0)
        reply(s, "200 UTF-8 is always on");
    else
        reply(s, "501 No such option");
}

static void do_noop(struct session *s, char *unused)
{
    (void)unused;
    reply(s, "200 OK");
}

/* ---------------------------------------------------- transfer parameters */

static void do_type(struct session *s, char *type)
{
    bool ascii = strcasecmp(type, "A") == 0 || strcasecmp(type, "A N") == 0;
    if (!ascii && strcasecmp(type, "I") != 0 && strcasecmp(type, "L 8") != 0) {
        reply(s, "504 Only A or I");
        return;
    }
    s->ascii = ascii;
    reply(s, "200 Type %c", ascii ? 'A' : 'I');
}

static void do_stru(struct session *s, char *structure)
{
    reply(s, strcasecmp(structure, "F") == 0 ? "200 File" : "504 Only F");
}

static void do_mode(struct session *s, char *mode)
{
    reply(s, strcasecmp(mode, "S") == 0 ? "200 Stream" : "504 Only S");
}

/* The number at the beginning of text; what follows it must begin with one of
   the bytes of after, or be the end. Returns -1 if it is none. */
static long long parse_bytes(const char *text, const char *after)
{
    char *end;
    errno = 0;
    long long bytes = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && errno == 0 &&
           strcspn(end, after) == 0 && (off_t)bytes == bytes ? bytes : -1;
}

static void do_rest(struct session *s, char *from)
{
    long long offset = parse_bytes(from, "");
    s->for_next.restart = 0;
    if (offset < 0)
        reply(s, "501 This is not a number of bytes");
    else if (s->ascii && offset > 0)
        reply(s, "504 Only in TYPE I");
    else {
        s->for_next.restart = (off_t)offset;
        reply(s, "350 The next transfer begins at byte %lld", offset);
    }
}

/* It reserves no room on the disk. But after an upload with so many bytes the
   server knows that this was all: see receive_end() in session.c. */
static void do_allo(struct session *s, char *size)
{
    long long bytes = parse_bytes(size, " ");
    s->for_next.expected = 0;
    if (bytes < 0)
        reply(s, "501 This is not a number of bytes");
    else {
        s->for_next.expected = (off_t)bytes;
        reply(s, "200 OK");
    }
}

static void do_pasv(struct session *s, char *unused)
{
    uint32_t own = ntohl(s->own.sin_addr.s_addr);
    int port;
    (void)unused;
    if (s->only_epsv)
        reply(s, "501 Not after EPSV ALL");
    else if ((port = session_open_port(s)) != 0)
        reply(s, "227 Entering Passive Mode (%u,%u,%u,%u,%d,%d)", own >> 24,
              own >> 16 & 255, own >> 8 & 255, own & 255, port >> 8,
              port & 255);
}

static void do_epsv(struct session *s, char *family)
{
    int port;
    if (strcasecmp(family, "ALL") == 0) {
        s->only_epsv = true;
        reply(s, "200 Only EPSV from now on");
    } else if (*family != '\0' && strcmp(family, "1") != 0)
        reply(s, "522 Only IPv4, use (1)");
    else if ((port = session_open_port(s)) != 0)
        reply(s, "229 Entering Extended Passive Mode (|||%d|)", port);
}

/* PORT would let a client make this server connect to any host. */
static void do_port(struct session *s, char *unused)
{
    (void)unused;
    reply(s, "502 Not implemented: use PASV or EPSV");
}

/* -------------------------------------------------- files and directories */

/* Reply with a path in double quotes; FTP doubles the quotes in it. */
static void reply_path(struct session *s, const char *path, const char *text)
{
    char quoted[2 * TREE_PATH], *to = quoted;
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '"')
            *to++ = '"';
        *to++ = *c;
    }
    *to = '\0';
    reply(s, "257 \"%s\" %s", quoted, text);
}

/* The reply to a command that made one call, with this result. */
static void reply_result(struct session *s, const char *path, int result)
{
    if (result < 0)
        reply_error(s, path);
    else
        reply(s, "250 Done");
}

/* Write what is at path to *found. False: it has sent the error. */
static bool stat_or_reply(struct session *s, const char *path,
                          struct stat *found)
{
    if (tree_stat(path, found) == 0)
        return true;
    reply_error(s, path);
    return false;
}

static void do_pwd(struct session *s, char *unused)
{
    (void)unused;
    reply_path(s, s->directory, "is the current directory");
}

static void do_cwd(struct session *s, char *path)
{
    struct stat found;
    if (!stat_or_reply(s, path, &found))
        return;
    if (!S_ISDIR(found.st_mode)) {
        reply(s, "550 %s is not a directory", path);
        return;
    }
    snprintf(s->directory, sizeof s->directory, "%s", path);
    reply(s, "250 Done");
}

static void do_cdup(struct session *s, char *unused)
{
    char path[TREE_PATH];
    (void)unused;
    tree_join(path, s->directory, ".."); /* shorter, so it cannot fail */
    do_cwd(s, path);
}

static void do_mkd(struct session *s, char *path)
{
    if (tree_make_directory(path) < 0)
        reply_error(s, path);
    else
        reply_path(s, path, "is a new directory");
}

static void do_rmd(struct session *s, char *path)
{
    reply_result(s, path, tree_remove_directory(path));
}

static void do_dele(struct session *s, char *path)
{
    reply_result(s, path, tree_remove_file(path));
}

static void do_rnfr(struct session *s, char *path)
{
    struct stat found;
    if (!stat_or_reply(s, path, &found))
        return;
    snprintf(s->for_next.rename_from, TREE_PATH, "%s", path);
    reply(s, "350 Send RNTO");
}

static void do_rnto(struct session *s, char *path)
{
    if (s->from_last.rename_from[0] == '\0')
        reply(s, "503 First RNFR");
    else
        reply_result(s, path, tree_rename(s->from_last.rename_from, path));
}

static void do_size(struct session *s, char *path)
{
    struct stat found;
    if (s->ascii)
        reply(s, "550 Only in TYPE I");
    else if (!stat_or_reply(s, path, &found))
        return;
    else if (!S_ISREG(found.st_mode))
        reply(s, "550 %s is not a file", path);
    else
        reply(s, "213 %lld", (long long)found.st_size);
}

static void do_mdtm(struct session *s, char *path)
{
    struct stat found;
    char modified[LISTING_TIME];
    if (!stat_or_reply(s, path, &found))
        return;
    listing_time(modified, &found);
    reply(s, "213 %s", modified);
}

static void do_mlst(struct session *s, char *path)
{
    struct stat found;
    char line[2 * TREE_PATH];
    if (!stat_or_reply(s, path, &found))
        return;
    listing_line(line, sizeof line, LISTING_MLSD, "", path, &found);
    reply(s, "250-Facts:\r\n %s250 End", line);
}

/* ---------------------------------------------------- the data connection */

/* Some clients send options of ls(1): "LIST -la". Ignore them. After "--"
   comes a name, even if it begins with "-". */
static char *without_options(char *argument)
{
    while (argument[0] == '-' && argument[1] != ' ' && argument[1] != '\0') {
        size_t length = strcspn(argument, " ");
        bool last = length == 2 && argument[1] == '-';
        argument += length;
        if (last)
            return argument + (*argument == ' ');
        argument += strspn(argument, " ");
    }
    return argument;
}

/* LIST and NLST get the argument as the client sent it: the names in a reply
   to NLST begin with it. */
static void send_list(struct session *s, char *argument,
                      enum listing_format format)
{
    char path[TREE_PATH], *name = without_options(argument);
    if (tree_join(path, s->directory, name) < 0)
        reply_error(s, "The name");
    else
        session_transfer(s, transfer_list(path, format, name), path);
}

static void do_list(struct session *s, char *argument)
{
    send_list(s, argument, LISTING_LIST);
}

static void do_nlst(struct session *s, char *argument)
{
    send_list(s, argument, LISTING_NLST);
}

static void do_mlsd(struct session *s, char *path)
{
    struct stat found;
    if (tree_stat(path, &found) == 0 && !S_ISDIR(found.st_mode))
        reply(s, "501 %s is not a directory", path);
    else
        session_transfer(s, transfer_list(path, LISTING_MLSD, ""), path);
}

static void do_retr(struct session *s, char *path)
{
    session_transfer(s, transfer_send(path, s->from_last.restart, s->ascii),
                     path);
}

/* keep: as in transfer.h. */
static void receive(struct session *s, const char *path, off_t keep)
{
    struct transfer *transfer = transfer_receive(path, keep, s->ascii);
    if (transfer != NULL)
        transfer_expect(transfer, s->from_last.expected);
    session_transfer(s, transfer, path);
}

static void do_stor(struct session *s, char *path)
{
    receive(s, path, s->from_last.restart);
}

static void do_appe(struct session *s, char *path)
{
    receive(s, path, -1);
}

static void do_abor(struct session *s, char *unused)
{
    (void)unused;
    session_abort(s);
    reply(s, "226 No transfer is active");
}

/* -------------------------------------------------------------- the table */

static void do_help(struct session *s, char *unused);

const struct command commands[] = {
    { "USER", do_user, ANYONE | WORD | ACCOUNT, "NAME" },
    { "PASS", do_pass, ANYONE | SECRET | ACCOUNT, "PASSWORD" },
    { "QUIT", do_quit, ANYONE, "" },

    { "SYST", do_syst, ANYONE, "" },
    { "FEAT", do_feat, ANYONE, "" },
    { "OPTS", do_opts, ANYONE | WORD, "UTF8 ON" },
    { "NOOP", do_noop, ANYONE | URGENT, "" },
    { "HELP", do_help, ANYONE, "" },

    { "TYPE", do_type, WORD, "A|I" },
    { "STRU", do_stru, WORD, "F" },
    { "MODE", do_mode, WORD, "S" },
    { "REST", do_rest, WORD | PREPARES, "BYTES" },
    { "ALLO", do_allo, WORD | PREPARES, "BYTES" },
    { "PASV", do_pasv, PREPARES, "" },
    { "EPSV", do_epsv, PREPARES, "[1|ALL]" },
    { "PORT", do_port, 0, "" },
    { "EPRT", do_port, 0, "" },

    { "PWD",  do_pwd,  0, "" },
    { "CWD",  do_cwd,  WORD | PATH, "DIRECTORY" },
    { "CDUP", do_cdup, 0, "" },
    { "MKD",  do_mkd,  WORD | PATH | CHANGES, "DIRECTORY" },
    { "RMD",  do_rmd,  WORD | PATH | CHANGES, "DIRECTORY" },
    { "DELE", do_dele, WORD | PATH | CHANGES, "FILE" },
    { "RNFR", do_rnfr, WORD | PATH | CHANGES, "PATH" },
    { "RNTO", do_rnto, WORD | PATH | CHANGES, "PATH" },
    { "SIZE", do_size, WORD | PATH, "FILE" },
    { "MDTM", do_mdtm, WORD | PATH, "PATH" },
    { "MLST", do_mlst, PATH, "[PATH]" },

    { "LIST", do_list, DATA, "[PATH]" },
    { "NLST", do_nlst, DATA, "[PATH]" },
    { "MLSD", do_mlsd, DATA | PATH, "[DIRECTORY]" },
    { "RETR", do_retr, DATA | WORD | PATH, "FILE" },
    { "STOR", do_stor, DATA | WORD | PATH | CHANGES, "FILE" },
    { "APPE", do_appe, DATA | WORD | PATH | CHANGES, "FILE" },
    { "ABOR", do_abor, URGENT, "" },
    { NULL, NULL, 0, NULL },
};

static void do_help(struct session *s, char *unused)
{
    char text[REPLY_SIZE / 2] = "";
    size_t length = 0;
    (void)unused;
    for (const struct command *c = commands; c->name != NULL; c++)
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   " %s %s\r\n", c->name, c->usage);
    reply(s, "214-Commands:\r\n%s214 End", text);
}
