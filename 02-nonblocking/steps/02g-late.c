/*
 * 02g-late: a message comes late, and others wait. Model 2 of 6: non-blocking.
 *
 *     make 02g           run it
 *     make models        draw it beside the other five models, as they ran
 *
 * Question: Neither socket blocks now, and the process naps 10 ms between two
 * rounds. How many of the five requests does it answer before the message?
 * The task is that of 01h (make diff-01h-02g shows the model). The process
 * calls recv() on both sockets in turn, and neither call waits: EAGAIN, if
 * there is nothing. So a request waits no longer than the nap between two
 * rounds. Look at the last line: most calls returned nothing. In 03m the
 * kernel says when a call is worth it.
 * The notes: 非阻塞 I/O.
 *
 *       38.5 ms  the request of  20 ms is answered; it waited 3.5 ms
 *      ...
 *      300.2 ms  the message: "hello"
 *     non-blocking: 5 requests answered, 5 before the message came
 *     45 times EAGAIN
 */
#include "step.h"

enum { NAP = 10 }; /* ms: between two rounds */

static int eagain_count;

/* Returns the bytes received; 0: the end of file; -1: EAGAIN. */
static ssize_t try_recv(int fd, void *bytes, size_t size)
{
    ssize_t n = recv(fd, bytes, size, MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        err(1, "recv");
    eagain_count += n < 0;
    return n;
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    start_sender();

    bool more = true; /* requests may come */
    while (text[0] == '\0' || more) {
        if (text[0] == '\0' && try_recv(message, text, sizeof text - 1) >= 0)
            print_message();
        int sent_at;
        ssize_t n = more ? try_recv(requests, &sent_at, sizeof sent_at) : -1;
        if (n > 0)
            answer_request(sent_at);
        else if (n == 0)
            more = false;
        else if (text[0] == '\0')
            sleep_ms(NAP);
    }

    print_summary("non-blocking");
    printf("%d times EAGAIN\n", eagain_count);
}
