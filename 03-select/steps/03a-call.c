/*
 * 03a-call: what select() gets, and what it returns.
 *
 *     make 03a    or: 03-select/steps/03a-call
 *
 * Question: Our send buffer is full, because the peer does not read. Nothing
 * has come. Is our socket readable, writable, both, or neither?
 * A list is an fd_set: list 1 is for reading, 2 for writing, 3 for exceptional
 * conditions. Look at the line about the full send buffer: list 2 is about
 * room in it. (After a reset send() fails at once: that is list 2, too.) And
 * look at what an urgent byte does to list 3. (Timeouts: 03n-timeout.)
 * The notes: select 方法; 扩展说明.
 *
 *       ... a byte has come              2  readable  writable  -
 *       FD_SETSIZE: 1024 (65536 was asked for, by a #define)
 */
#define ASKED_FOR 65536
#define FD_SETSIZE ASKED_FOR /* before the headers: the notes' way */
#include "step.h"
#include <sys/select.h>

/* Put FD into all three sets, and do not wait. Print what select() returns,
   which is a number of bits, and which bits are still set. */
static void look(const char *what, int fd, int nfds)
{
    fd_set sets[3];
    for (int i = 0; i < 3; i++) {
        FD_ZERO(&sets[i]);
        FD_SET(fd, &sets[i]);
    }
    sleep_ms(10); /* the kernel may need a moment to deliver */
    int n = select(nfds, &sets[0], &sets[1], &sets[2], &(struct timeval){ 0 });
    printf("  %-33s%2d  ", what, n);
    if (n < 0)
        puts(strerror(errno));
    else
        printf("%-10s%-10s%s\n", FD_ISSET(fd, &sets[0]) ? "readable" : "-",
               FD_ISSET(fd, &sets[1]) ? "writable" : "-",
               FD_ISSET(fd, &sets[2]) ? "exceptional" : "-");
}

/* Send until the peer's receive buffer and our send buffer are full, and look.
   Let the peer read it all, and look. */
static void look_at_full_buffer(int fd, int peer)
{
    static char bytes[64 * 1024];
    long long sent = 0;
    for (ssize_t n; (n = send(fd, bytes, sizeof bytes, 0)) > 0;)
        sent += n;
    look("... our send buffer is full", fd, fd + 1);
    while (sent > 0)
        sent -= recv(peer, bytes, sizeof bytes, 0);
    look("... the peer has read it all", fd, fd + 1);
}

static void show_lists(void)
{
    char byte;
    int listener = listen_here(1);
    puts("One fd in all three lists: what select() returns, and leaves");
    look("a listener, no client has come", listener, listener + 1);
    int peer = connect_here(listener);
    look("... a client has come", listener, listener + 1);
    int fd = accept(listener, NULL, NULL);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    look("its socket, nothing has come", fd, fd + 1);
    send(peer, "x", 1, 0);
    look("... a byte has come", fd, fd + 1);
    look("... and nfds is fd, not fd + 1", fd, fd);
    recv(fd, &byte, 1, 0);
    look_at_full_buffer(fd, peer);
    send(peer, "!", 1, MSG_OOB);
    look("... an urgent byte has come", fd, fd + 1);
    recv(fd, &byte, 1, MSG_OOB);
    shutdown(peer, SHUT_WR);
    look("... the peer sends no more (EOF)", fd, fd + 1);
    close(fd);
    look("... it is closed", fd, fd + 1);

    connect_pair(&fd, &peer);
    close_with_reset(peer);
    look("another one, reset by its peer", fd, fd + 1);

    FILE *file = tmpfile();
    if (file == NULL)
        err(1, "tmpfile");
    look("a regular file, at its end", fileno(file), fileno(file) + 1);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    show_lists();
    puts("\nHow many");
    printf("  FD_SETSIZE: %d (%d was asked for, by a #define)\n", FD_SETSIZE,
           ASKED_FOR);
    printf("  an fd_set: %zu bytes, %zu bits; a pointer: %zu bits\n",
           sizeof(fd_set), 8 * sizeof(fd_set), 8 * sizeof(void *));
}
