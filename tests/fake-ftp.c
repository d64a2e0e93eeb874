/*
 * fake-ftp: an FTP server that replies as the arguments say; for tests of the
 * client. It serves one client, then it ends; after 30 s in any case.
 *
 *     fake-ftp FILE [WORD=REPLY]...
 *
 *     fake-ftp file 'SIZE=500 what is this?' QUIT=
 *
 * RETR and LIST send FILE, STOR reads a file. REPLY has no CR LF; an empty one
 * closes the connection. HELLO is the greeting. In a reply, @ stands for the
 * data port, and # for the same as two numbers, as PASV has it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const usual[] = {
    "HELLO=220 hello", "USER=331 ?", "PASS=230 in", "TYPE=200 ok",
    "SIZE=213 6", "MDTM=213 20200101000000", "EPSV=229 ok (|||@|)",
    "REST=350 ok", "ALLO=202 no need", "RETR=150 go", "LIST=150 go",
    "STOR=150 go", "QUIT=221 bye", NULL,
};

static int control, listener, data_port;

static int listen_on_any_port(int *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&a, size) < 0 || listen(fd, 5) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) < 0)
        err(1, "listen");
    *port = ntohs(a.sin_port);
    return fd;
}

/* The reply to this word among the texts WORD=REPLY; NULL: none. */
static const char *find_reply(const char *const *texts, const char *word)
{
    size_t length = strlen(word);
    for (; *texts != NULL; texts++)
        if (strncmp(*texts, word, length) == 0 && (*texts)[length] == '=')
            return *texts + length + 1;
    return NULL;
}

static void send_reply(const char *reply)
{
    char line[4096], *to = line;
    for (; *reply != '\0' && to < line + sizeof line - 16; reply++)
        if (*reply == '@')
            to += sprintf(to, "%d", data_port);
        else if (*reply == '#')
            to += sprintf(to, "%d,%d", data_port / 256, data_port % 256);
        else
            *to++ = *reply;
    to += sprintf(to, "\r\n");
    if (write(control, line, (size_t)(to - line)) < 0)
        err(1, "write");
}

static void move_bytes(int from, int to)
{
    char bytes[4096];
    for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0; )
        if (write(to, bytes, (size_t)n) != n)
            return;
}

static void transfer(const char *name, bool upload)
{
    int data = accept(listener, NULL, NULL);
    int file = open(upload ? "/dev/null" : name, upload ? O_WRONLY : O_RDONLY);
    if (data < 0 || file < 0)
        err(1, "%s", name);
    move_bytes(upload ? data : file, upload ? file : data);
    close(file);
    close(data);
    send_reply("226 done");
}

int main(int argc, char **argv)
{
    int port;
    char line[4096];
    if (argc < 2)
        errx(2, "usage: fake-ftp FILE [WORD=REPLY]...");
    int first = listen_on_any_port(&port);
    listener = listen_on_any_port(&data_port);
    alarm(30); /* it ends in any case */
    printf("fake-ftp: listening on 127.0.0.1:%d\n", port);
    fflush(stdout);
    if ((control = accept(first, NULL, NULL)) < 0)
        err(1, "accept");
    FILE *lines = fdopen(control, "r");
    for (const char *word = "HELLO"; ; ) {
        const char *const *asked = (const char *const *)argv + 2;
        const char *reply = find_reply(asked, word);
        if (reply == NULL)
            reply = find_reply(usual, word);
        if (reply != NULL && *reply == '\0')
            return 0;
        send_reply(reply == NULL ? "502 no" : reply);
        if (reply != NULL && strstr(reply, "150 ") != NULL)
            transfer(argv[1], strcmp(word, "STOR") == 0);
        if (strcmp(word, "QUIT") == 0 ||
            fgets(line, sizeof line, lines) == NULL)
            return 0;
        printf("%s", line);
        fflush(stdout);
        word = strtok(line, " \r\n");
    }
}
