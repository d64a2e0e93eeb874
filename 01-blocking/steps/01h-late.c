/*
 * 01h-late: a message comes late, and others wait. Model 1 of 6: blocking.
 *
 *     make 01h           run it
 *     make models        draw it beside the other five models, as they ran
 *
 * Question: A process calls recv() for a message that comes after 300 ms. Five
 * requests come earlier, on another socket. How many does it answer before the
 * message?
 * Two sockets. On the first, a message arrives after 300 ms; on the second,
 * before that, five requests, 50 ms apart, each of them 15 ms of work. recv()
 * sleeps until the message is there, then it copies the message; the process
 * reads the requests only after that. Look at how long each request has
 * waited, then at 02g, which never sleeps in recv().
 * The notes: 阻塞 I/O.
 *
 *      300.2 ms  the message: "hello"
 *      315.3 ms  the request of  20 ms is answered; it waited 280.3 ms
 *      ...
 *     blocking: 5 requests answered, 0 before the message came
 */
#include "step.h"

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    start_sender();

    if (recv(message, text, sizeof text - 1, 0) < 0) /* sleeps */
        err(1, "recv");
    print_message();
    for (int sent_at; recv(requests, &sent_at, sizeof sent_at, 0) > 0;)
        answer_request(sent_at);

    print_summary("blocking");
}
