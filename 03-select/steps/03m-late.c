/*
 * 03m-late: a message comes late, requests wait. Model 3 of 6: multiplexed.
 *
 *     make 03m           run it
 *     make models        draw it beside the other five, as they ran
 *
 * Question: In 02g a request waited up to 10 ms for the end of a nap. Now the
 * process waits in select(). How long does a request wait?
 * The task is that of 01h (make diff-01h-03m shows the model); step.h explains
 * it. Look at select(): it sleeps for both sockets at once. The process reads
 * first what comes first, and no call fails with EAGAIN. recv() only copies.
 * The notes: I/O 多路复用.
 *
 *       35.2 ms  the request of  20 ms is answered; it waited 0.2 ms
 *      ...
 *      300.2 ms  the message: "hello"
 *     multiplexed: 5 requests answered, 5 before the message came
 */
#include "step.h"
#include <sys/select.h>

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "");
    start_sender();

    bool more = true; /* requests may come */
    while (text[0] == '\0' || more) {
        int sent_at;
        fd_set readable;
        FD_ZERO(&readable);
        if (text[0] == '\0')
            FD_SET(message, &readable);
        if (more)
            FD_SET(requests, &readable);
        /* It sleeps here. requests is the higher one of the two fds. */
        if (select(requests + 1, &readable, NULL, NULL, NULL) < 0)
            err(1, "select");
        if (FD_ISSET(message, &readable)) {
            recv(message, text, sizeof text - 1, 0);
            print_message();
        }
        if (FD_ISSET(requests, &readable)) {
            more = recv(requests, &sent_at, sizeof sent_at, 0) > 0;
            if (more)
                answer_request(sent_at);
        }
    }
    print_summary("multiplexed");
}
