/*
 * 01f-endings: the three answers of recv(): data, 0, or an error.
 *
 *     make 01f            or:  01-blocking/steps/01f-endings
 *
 * A child connects, says "hello", is asked a question, and ends in one way or
 * another; then we call recv() three times. Look at kill -9: the kernel closes
 * for the dead, so we get an end of file. A RST comes of what is unread, kill
 * or not, or of SO_LINGER; and "hello", sent before it, is still there.
 * The notes: 处理客户端断开.
 *
 *     the client                    recv        recv        recv
 *     close                         5 bytes     0, the end  0, the end
 *     close, question unread        5 bytes     ECONNRESET  0, the end
 *     kill -9                       5 bytes     0, the end  0, the end
 *     kill -9, question unread      5 bytes     ECONNRESET  0, the end
 *     close by SO_LINGER, 0 s       5 bytes     ECONNRESET  0, the end
 *     shutdown: sends no more       5 bytes     0, the end  0, the end
 *       and our answer has come: 6 bytes
 *     sends 0 bytes, and stays      EAGAIN      EAGAIN      EAGAIN
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum ending { CLOSE, KILL, LINGER, SHUT };

static struct sockaddr_in address; /* of the listener */
static socklen_t size = sizeof address;
static int listener;

static int connect_to_it(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
        err(1, "connect");
    return fd;
}

/* The child; its exit status: how many bytes of our answer it got. */
static int be_client(enum ending ending, bool unread)
{
    char bytes[100];
    int fd = connect_to_it();
    if (send(fd, "hello", 5, 0) != 5 ||
        recv(fd, bytes, sizeof bytes, unread ? MSG_PEEK : 0) <= 0)
        err(1, "the client");
    if (ending == KILL)
        kill(getpid(), SIGKILL);
    if (ending == LINGER)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
                   sizeof(struct linger));
    if (ending == SHUT) {
        shutdown(fd, SHUT_WR);
        return (int)recv(fd, bytes, sizeof bytes, MSG_WAITALL);
    }
    close(fd);
    return 0;
}

static void tell_three(const char *what, int fd, int flags)
{
    printf("%-30s", what);
    for (int i = 0; i < 3; i++) {
        char bytes[100], answer[20];
        ssize_t n = recv(fd, bytes, sizeof bytes, flags);
        snprintf(answer, sizeof answer, "%zd bytes", n);
        printf("%-*s", i < 2 ? 12 : 0, n > 0 ? answer :
               n == 0 ? "0, the end" : errno == EAGAIN ? "EAGAIN" :
               errno == ECONNRESET ? "ECONNRESET" : strerror(errno));
    }
    putchar('\n');
}

static void serve(const char *what, enum ending ending, bool unread)
{
    int status;
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0)
        _exit(be_client(ending, unread));
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || send(fd, "why?", 4, 0) < 0)
        err(1, "accept and send");
    if (ending != SHUT)
        waitpid(child, &status, 0); /* now it has ended, however it did */
    tell_three(what, fd, 0);
    if (ending == SHUT && send(fd, "answer", 6, 0) < 0)
        err(1, "send");
    close(fd);
    if (ending == SHUT && waitpid(child, &status, 0) == child)
        printf("  and our answer has come: %d bytes\n", WEXITSTATUS(status));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        err(1, "bind and listen");

    puts("the client                    recv        recv        recv");
    serve("close", CLOSE, false);
    serve("close, question unread", CLOSE, true);
    serve("kill -9", KILL, false);
    serve("kill -9, question unread", KILL, true);
    serve("close by SO_LINGER, 0 s", LINGER, false);
    serve("shutdown: sends no more", SHUT, false);

    int client = connect_to_it(), fd = accept(listener, NULL, NULL);
    if (send(client, "", 0, 0) < 0)
        err(1, "send");
    tell_three("sends 0 bytes, and stays", fd, MSG_DONTWAIT);
}
