/*
 * 06a-event-queue: a queue of events, each with the function that handles it.
 *
 *     make 06a  or:  06-selector/steps/06a-event-queue [-s SECONDS (0.2)]
 *
 * Question: At 3 s a handler begins that takes 2.5 s. At 4 s the user types a
 * letter. When is the letter handled?
 * A child process plays the user with mouse and keyboard; the queue is a pipe.
 * Look at the loop in main(): it does not know what a click or a key is. It
 * calls the function in the event. And look at on_save(), which is slow: there
 * is one loop, so the next events wait.
 * The notes: 事件驱动与异步IO (事件驱动模型).
 *
 *     0.0 s  no event: the loop sleeps
 *     3.0 s  onClick: Save, which takes time ...
 *     5.5 s  ... saved
 *     5.5 s  onKeyDown: i  (1.5 s late)
 *     5.5 s  the user has left: 5 events, 5 handled, in order
 */
#include "step.h"

/* These pointers may go through the pipe because both processes come from one
   fork(2): functions and strings have the same addresses in both. */
struct event {
    void (*handler)(const struct event *);
    const char *what; /* the button, or the key */
    double at;        /* seconds: when it happened */
    int number;
};

static int handled;
static bool in_order = true;

/* Print one line, and check that no event is lost or out of order. */
static void print_event(const struct event *e, const char *name,
                        const char *rest)
{
    double late = now() - e->at;
    printf("%.1f s  %s: %s", now(), name, e->what);
    if (late > 0.25)
        printf("  (%.1f s late)", late);
    puts(rest);
    in_order = in_order && e->number == ++handled;
}

static void on_key_down(const struct event *e)
{
    print_event(e, "onKeyDown", "");
}

static void on_click(const struct event *e)
{
    print_event(e, "onClick", "");
}

/* A handler must not do this: while it waits, no other event is handled. */
static void on_save(const struct event *e)
{
    print_event(e, "onClick", ", which takes time ...");
    nap(2.5);
    printf("%.1f s  ... saved\n", now());
}

/* The user: one event each second goes into the queue. An event is shorter
   than PIPE_BUF, so write() puts it there as a whole (pipe(7)). */
static void play_user(int queue)
{
    struct event events[] = {
        { on_click, "Open", 0, 1 }, { on_key_down, "h", 0, 2 },
        { on_save, "Save", 0, 3 }, { on_key_down, "i", 0, 4 },
        { on_click, "Quit", 0, 5 },
    };
    for (int i = 0; i < 5; i++) {
        nap(1);
        events[i].at = now();
        check(write(queue, &events[i], sizeof events[i]), "write");
    }
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    printf("%.1f s  no event: the loop sleeps\n", now());

    int queue[2];
    check(pipe(queue), "pipe");
    if (check(fork(), "fork") == 0) {
        play_user(queue[1]);
        return 0;
    }
    close(queue[1]); /* with this end open, read() would never return 0 */

    struct event event;
    while (read(queue[0], &event, sizeof event) == sizeof event)
        event.handler(&event);
    printf("%.1f s  the user has left: 5 events, %d handled, %s\n", now(),
           handled, in_order ? "in order" : "out of order");
    return handled == 5 && in_order ? 0 : 1;
}
