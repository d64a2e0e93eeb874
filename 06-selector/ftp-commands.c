/*
 * ftp-commands: what each command does to a session.
 *
 * Read it from its end: first the table, then the commands in its order.
 * RFC 959; 2389 (FEAT, OPTS), 2428 (EPSV), 3659 (SIZE, MDTM, MLST, REST).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ftp-commands.h"

enum {
    ANYONE = 1,   /* also before USER and PASS */
    URGENT = 2,   /* also while a transfer runs */
    CHANGES = 4,  /* not for who may only read */
    WORD = 8,     /* needs an argument */
    PATH = 16,    /* it is a path: gets that from the root; none: here */
    DATA = 32,    /* needs a data port, or a connection */
};

struct command {
    const char *name;
    void (*run)(struct session *, char *argument);
    int needs;
    const char *usage;
};

/* ----------------------------------------------------------- who are you? */

static void do_user(struct session *s, char *name)
{
    s->logged_in = false;
    s->restart = 0;
    s->renamed[0] = '\0';
    snprintf(s->user, sizeof s->user, "%.*s", NAME_SIZE - 1, name);
    s->read_only = settings.anonymous &&
                   (strcasecmp(name, "anonymous") == 0 ||
                    strcasecmp(name, "ftp") == 0);
    reply(s, s->read_only ? "331 Any password will do" :
                            "331 And the password?");
}

/* Compare all of it, always: the time it takes tells nothing. */
static bool is_password(const char *given, const char *right)
{
    size_t length = strlen(given), size = strlen(right) + 1;
    size_t wrong = length ^ (size - 1);
    for (size_t i = 0; i < length; i++)
        wrong |= (size_t)(given[i] ^ right[i % size]);
    return wrong == 0;
}

static void do_pass(struct session *s, char *password)
{
    if (s->user[0] == '\0' || s->logged_in) {
        reply(s, "503 First USER");
        return;
    }
    s->logged_in = s->read_only;
    for (int i = 0; i < settings.account_count; i++)
        if (strcmp(settings.accounts[i].name, s->user) == 0 &&
            is_password(password, settings.accounts[i].password)) {
            s->logged_in = true;
            s->read_only = false;
        }
    if (!s->logged_in) {
        session_penalise(s);
        return;
    }
    snprintf(s->directory, sizeof s->directory, "/");
    reply(s, "230 Welcome");
}

static void do_quit(struct session *s, char *unused)
{
    (void)unused;
    reply_and_leave(s, "221 Bye");
}

/* ----------------------------------------------------------- what are you? */

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
        reply(s, "200 Names are bytes here: UTF-8 is fine");
    else
        reply(s, "501 No such option");
}

static void do_noop(struct session *s, char *unused)
{
    (void)unused;
    reply(s, "200 Here I am");
}

/* ------------------------------------------------------- how files travel */

static void do_type(struct session *s, char *type)
{
    s->restart = 0; /* a REST is for the transfer that follows it */
    bool ascii = strcasecmp(type, "A") == 0 || strcasecmp(type, "A N") == 0;
    if (!ascii && strcasecmp(type, "I") != 0 && strcasecmp(type, "L 8") != 0) {
        reply(s, "504 A or I");
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

static void do_rest(struct session *s, char *from)
{
    char *end;
    errno = 0;
    long long offset = strtoll(from, &end, 10);
    if (*from < '0' || *from > '9' || *end != '\0' || errno != 0)
        reply(s, "501 That is no number of bytes");
    else if (s->ascii && offset > 0)
        reply(s, "504 Bytes are counted in TYPE I only");
    else {
        s->restart = (off_t)offset;
        reply(s, "350 From byte %lld", offset);
    }
}

static void do_pasv(struct session *s, char *unused)
{
    uint32_t own = ntohl(s->own.sin_addr.s_addr);
    int port;
    (void)unused;
    if (s->only_epsv)
        reply(s, "501 EPSV ALL was your wish");
    else if ((port = session_open_data_port(s)) != 0)
        reply(s, "227 Entering Passive Mode (%u,%u,%u,%u,%d,%d)", own >> 24,
              own >> 16 & 255, own >> 8 & 255, own & 255, port >> 8,
              port & 255);
}

static void do_epsv(struct session *s, char *family)
{
    int port;
    if (strcasecmp(family, "ALL") == 0) {
        s->only_epsv = true;
        reply(s, "200 EPSV from now on");
    } else if (*family != '\0' && strcmp(family, "1") != 0)
        reply(s, "522 Only IPv4, use (1)");
    else if ((port = session_open_data_port(s)) != 0)
        reply(s, "229 Entering Extended Passive Mode (|||%d|)", port);
}

/* By PORT a client has a server connect to whom it likes. */
static void do_port(struct session *s, char *unused)
{
    (void)unused;
    reply(s, "502 This server does not call back: PASV or EPSV, please");
}

/* ------------------------------------------------------- names and places */

/* Reply with a path in quotes; those in it are doubled. */
static void reply_path(struct session *s, const char *path, const char *what)
{
    char quoted[2 * TREE_PATH], *to = quoted;
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '"')
            *to++ = '"';
        *to++ = *c;
    }
    *to = '\0';
    reply(s, "257 \"%s\" %s", quoted, what);
}

/* Reply where a call about a path has returned this. */
static void reply_result(struct session *s, const char *path, int result)
{
    if (result < 0)
        reply_failed(s, path);
    else
        reply(s, "250 Done");
}

/* What is there; or false, and said so. */
static bool is_there(struct session *s, const char *path, struct stat *found)
{
    if (tree_stat(path, found) == 0)
        return true;
    reply_failed(s, path);
    return false;
}

static void do_pwd(struct session *s, char *unused)
{
    (void)unused;
    reply_path(s, s->directory, "is where you are");
}

static void do_cwd(struct session *s, char *path)
{
    struct stat found;
    if (!is_there(s, path, &found))
        return;
    if (!S_ISDIR(found.st_mode)) {
        reply(s, "550 %s is no directory", path);
        return;
    }
    snprintf(s->directory, sizeof s->directory, "%s", path);
    reply(s, "250 Done");
}

static void do_cdup(struct session *s, char *unused)
{
    char path[TREE_PATH];
    (void)unused;
    tree_join(path, s->directory, ".."); /* what is shorter always fits */
    do_cwd(s, path);
}

static void do_mkd(struct session *s, char *path)
{
    if (tree_make_directory(path) < 0)
        reply_failed(s, path);
    else
        reply_path(s, path, "is there now");
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
    if (!is_there(s, path, &found))
        return;
    snprintf(s->renamed, sizeof s->renamed, "%s", path);
    reply(s, "350 And its new name?");
}

static void do_rnto(struct session *s, char *path)
{
    if (s->renamed[0] == '\0')
        reply(s, "503 First RNFR");
    else
        reply_result(s, path, tree_rename(s->renamed, path));
    s->renamed[0] = '\0';
}

static void do_size(struct session *s, char *path)
{
    struct stat found;
    if (s->ascii)
        reply(s, "550 Bytes are counted in TYPE I only");
    else if (!is_there(s, path, &found))
        return;
    else if (!S_ISREG(found.st_mode))
        reply(s, "550 %s is no file", path);
    else
        reply(s, "213 %lld", (long long)found.st_size);
}

static void do_mdtm(struct session *s, char *path)
{
    struct stat found;
    char modified[sizeof "YYYYMMDDHHMMSS"];
    if (!is_there(s, path, &found))
        return;
    transfer_time(modified, &found);
    reply(s, "213 %s", modified);
}

static void do_mlst(struct session *s, char *path)
{
    struct stat found;
    char line[2 * TREE_PATH];
    if (!is_there(s, path, &found))
        return;
    transfer_line(line, sizeof line, TRANSFER_MLSD, "", path, &found);
    reply(s, "250-About it:\r\n %s250 End", line);
}

/* -------------------------------------------------------------- transfers */

/* Clients send ls options along, "LIST -la": there is nothing to choose. */
static char *without_options(char *argument)
{
    while (*argument == '-') {
        argument += strcspn(argument, " ");
        argument += strspn(argument, " ");
    }
    return argument;
}

/* LIST and NLST get the argument as it is: NLST's names begin with it. */
static void send_list(struct session *s, char *argument,
                      enum transfer_list style)
{
    char path[TREE_PATH], *name = without_options(argument);
    if (tree_join(path, s->directory, name) < 0)
        reply_failed(s, "That name");
    else
        session_transfer(s, transfer_list(path, style, name), path);
}

static void do_list(struct session *s, char *argument)
{
    send_list(s, argument, TRANSFER_LIST);
}

static void do_nlst(struct session *s, char *argument)
{
    send_list(s, argument, TRANSFER_NLST);
}

static void do_mlsd(struct session *s, char *path)
{
    struct stat found;
    if (tree_stat(path, &found) == 0 && !S_ISDIR(found.st_mode))
        reply(s, "501 %s is no directory", path);
    else
        session_transfer(s, transfer_list(path, TRANSFER_MLSD, ""), path);
}

static void do_retr(struct session *s, char *path)
{
    session_transfer(s, transfer_send(path, s->restart, s->ascii), path);
}

static void do_stor(struct session *s, char *path)
{
    session_transfer(s, transfer_receive(path, s->restart, s->ascii), path);
}

static void do_appe(struct session *s, char *path)
{
    session_transfer(s, transfer_receive(path, -1, s->ascii), path);
}

static void do_abor(struct session *s, char *unused)
{
    (void)unused;
    s->restart = 0;
    session_abort(s);
    reply(s, "226 Now nothing is under way");
}

/* -------------------------------------------------------------- the table */

static void do_help(struct session *s, char *unused);

static const struct command commands[] = {
    { "USER", do_user, ANYONE | WORD, "NAME" },
    { "PASS", do_pass, ANYONE, "PASSWORD" },
    { "QUIT", do_quit, ANYONE, "" },

    { "SYST", do_syst, ANYONE, "" },
    { "FEAT", do_feat, ANYONE, "" },
    { "OPTS", do_opts, ANYONE | WORD, "UTF8 ON" },
    { "NOOP", do_noop, ANYONE | URGENT, "" },
    { "HELP", do_help, ANYONE, "" },

    { "TYPE", do_type, WORD, "A|I" },
    { "STRU", do_stru, WORD, "F" },
    { "MODE", do_mode, WORD, "S" },
    { "REST", do_rest, WORD, "BYTES" },
    { "PASV", do_pasv, 0, "" },
    { "EPSV", do_epsv, 0, "[1|ALL]" },
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
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void do_help(struct session *s, char *unused)
{
    char text[REPLY_SIZE / 2] = "";
    size_t length = 0;
    (void)unused;
    for (int i = 0; i < COMMANDS; i++)
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   " %s %s\r\n", commands[i].name,
                                   commands[i].usage);
    reply(s, "214-These commands:\r\n%s214 End", text);
}

static const struct command *command_of(const char *line)
{
    size_t length = strcspn(line, " ");
    for (int i = 0; i < COMMANDS; i++)
        if (strlen(commands[i].name) == length &&
            strncasecmp(line, commands[i].name, length) == 0)
            return &commands[i];
    return NULL;
}

bool command_is_urgent(const char *line)
{
    const struct command *c = command_of(line);
    return c != NULL && (c->needs & URGENT) != 0;
}

void command_obey(struct session *s, char *line)
{
    const struct command *c = command_of(line);
    char path[TREE_PATH], *argument = line + strcspn(line, " ");
    argument += *argument == ' ';
    LOG("%s: %.*s", s->name, c != NULL && c->run == do_pass ? 4 : LINE_SIZE,
        line); /* no passwords in logs */
    if (c == NULL)
        reply(s, "502 Not here; HELP tells what is");
    else if (!s->logged_in && (c->needs & ANYONE) == 0)
        reply(s, "530 First USER and PASS");
    else if ((c->needs & WORD) != 0 && *argument == '\0')
        reply(s, "501 %s %s", c->name, c->usage);
    else if ((c->needs & CHANGES) != 0 && s->read_only)
        reply(s, "550 You may only read");
    else if ((c->needs & DATA) != 0 && s->listener < 0 && s->data < 0)
        reply(s, "425 First PASV or EPSV");
    else if ((c->needs & PATH) == 0)
        c->run(s, argument);
    else if (tree_join(path, s->directory, argument) < 0)
        reply_failed(s, "That name");
    else
        c->run(s, path);
}
