/*
 * 06a-event-queue: a queue of events, each with the function that handles it.
 *
 *     make 06a                                          run it
 *     06-selector/steps/06a-event-queue [-s SECONDS]    of each pause (0.2)
 *
 * A child plays the user, with mouse and keyboard; the queue is a pipe. Look
 * at the loop in main(): it knows neither clicks nor keys, it calls what the
 * event brings along. And look at Save, whose handler is slow: there is one
 * loop, so what happens meanwhile has to wait.
 * The notes: 事件驱动与异步IO (事件驱动模型).
 *
 *     0.0 s  no event: the loop sleeps
 *     0.2 s  onClick: Open
 *     0.4 s  onKeyDown: h
 *     0.6 s  onClick: Save, which takes time ...
 *     1.1 s  ... saved
 *     1.1 s  onKeyDown: i  (0.3 s late)
 *     1.1 s  onClick: Quit  (0.1 s late)
 *     1.1 s  the user has left: 5 events, 5 handled, in order
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* It brings its handler along. (A pointer may go through a pipe only because
   the user is a fork() of us: the same program, at the same addresses.) */
struct event {
    void (*handler)(const struct event *);
    const char *what; /* the button, or the key */
    double happened;
    int number;
};

static double second = 0.2;
static int handled;
static bool in_order = true;

static double now(void)
{
    static double start;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    double at = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    if (start == 0)
        start = at;
    return at - start;
}

static void handle(const struct event *e, const char *name)
{
    double late = now() - e->happened;
    printf("%.1f s  %s: %s", now(), name, e->what);
    if (late > second / 4)
        printf("  (%.1f s late)", late);
    in_order = in_order && e->number == ++handled;
}

static void on_key_down(const struct event *e)
{
    handle(e, "onKeyDown");
    putchar('\n');
}

static void on_click(const struct event *e)
{
    handle(e, "onClick");
    putchar('\n');
}

/* What a handler must not do: it waits, and with it everybody. */
static void on_save(const struct event *e)
{
    handle(e, "onClick");
    printf(", which takes time ...\n");
    usleep((useconds_t)(2.5 * second * 1e6));
    printf("%.1f s  ... saved\n", now());
}

/* The user: something happens every second; an event goes into the queue.
   (It is shorter than PIPE_BUF, so it goes as a whole.) */
static void be_user(int queue)
{
    struct event events[] = {
        { on_click, "Open", 0, 1 }, { on_key_down, "h", 0, 2 },
        { on_save, "Save", 0, 3 }, { on_key_down, "i", 0, 4 },
        { on_click, "Quit", 0, 5 },
    };
    for (int i = 0; i < 5; i++) {
        usleep((useconds_t)(second * 1e6));
        events[i].happened = now();
        if (write(queue, &events[i], sizeof events[i]) < 0)
            err(1, "write");
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%.1f s  no event: the loop sleeps\n", now());

    int queue[2];
    pid_t user = pipe(queue) < 0 ? -1 : fork();
    if (user < 0)
        err(1, "pipe and fork");
    if (user == 0) {
        be_user(queue[1]);
        return 0;
    }
    close(queue[1]); /* or we were a user too, and there was no end */

    struct event event;
    while (read(queue[0], &event, sizeof event) == sizeof event)
        event.handler(&event);
    printf("%.1f s  the user has left: 5 events, %d handled, %s\n", now(),
           handled, in_order ? "in order" : "out of order");
    return handled == 5 && in_order ? 0 : 1;
}
