/*
 * 01f-endings: the three results of recv(): data, 0, or an error.
 *
 *     make 01f    or:  01-blocking/steps/01f-endings
 *
 * Question: kill -9 ends a client. Does the server's next recv() fail, or does
 * it return 0?
 * A child connects, sends "hello", and its connection ends in one way or
 * another; then the server calls recv() three times. Look at kill -9: the
 * kernel closes the socket for the dead process, so the server gets an end of
 * file. The kernel sends a RST if the socket is closed with bytes unread, or
 * with SO_LINGER, or if bytes come after the close (01k); and "hello", sent
 * before the RST, still arrives.
 * The notes: 处理客户端断开.
 *
 *     the client                    recv        recv        recv
 *     close                         5 bytes     0, the end  0, the end
 *     close, question unread        5 bytes     ECONNRESET  0, the end
 *     kill -9                       5 bytes     0, the end  0, the end
 *     ...
 */
#include "step.h"

enum ending { CLOSE, KILL, LINGER, SHUTDOWN };

static int listener;

/* The child. Returns its exit status: how many bytes of the server's answer it
   has received. UNREAD: it leaves the server's question in the kernel. */
static int run_client(enum ending ending, bool unread)
{
    char bytes[100];
    int fd = connect_here(listener);
    check(send(fd, "hello", 5, 0), "send");
    check(recv(fd, bytes, sizeof bytes, unread ? MSG_PEEK : 0), "recv");
    if (ending == KILL)
        kill(getpid(), SIGKILL);
    if (ending == SHUTDOWN) {
        shutdown(fd, SHUT_WR);
        return (int)recv(fd, bytes, sizeof bytes, MSG_WAITALL);
    }
    if (ending == LINGER)
        close_with_reset(fd);
    else
        close(fd);
    return 0;
}

static void recv_three_times(const char *what, int fd, int flags)
{
    printf("%-30s", what);
    for (int i = 0; i < 3; i++) {
        char bytes[100], result[20];
        ssize_t n = recv(fd, bytes, sizeof bytes, flags);
        snprintf(result, sizeof result, "%zd bytes", n);
        printf("%-*s", i < 2 ? 12 : 0, n > 0 ? result :
               n == 0 ? "0, the end" : errno == EAGAIN ? "EAGAIN" :
               errno == ECONNRESET ? "ECONNRESET" : strerror(errno));
    }
    putchar('\n');
}

static void serve(const char *what, enum ending ending, bool unread)
{
    int status;
    pid_t child = check(fork(), "fork");
    if (child == 0)
        _exit(run_client(ending, unread));
    int fd = check(accept(listener, NULL, NULL), "accept");
    check(send(fd, "why?", 4, 0), "send");
    if (ending != SHUTDOWN)
        waitpid(child, &status, 0); /* now the connection has ended */
    recv_three_times(what, fd, 0);
    if (ending == SHUTDOWN)
        check(send(fd, "answer", 6, 0), "send");
    close(fd);
    if (ending == SHUTDOWN && waitpid(child, &status, 0) == child)
        printf("  and it receives our answer: %d bytes\n",
               WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    listener = listen_here(1);

    puts("the client                    recv        recv        recv");
    serve("close", CLOSE, false);
    serve("close, question unread", CLOSE, true);
    serve("kill -9", KILL, false);
    serve("kill -9, question unread", KILL, true);
    serve("close by SO_LINGER, 0 s", LINGER, false);
    serve("shutdown: sends no more", SHUTDOWN, false);

    int client = connect_here(listener);
    int fd = accept(listener, NULL, NULL);
    check(send(client, "", 0, 0), "send");
    recv_three_times("sends 0 bytes, and stays", fd, MSG_DONTWAIT);
}
