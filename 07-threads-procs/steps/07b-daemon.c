/*
 * 07b-daemon: who is cut off when main() ends.
 *
 *     make 07b  or:  07-threads-procs/steps/07b-daemon [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. A daemon thread of Python is
 * one that the end of the process does not wait for. In C none is waited for:
 * whom main() must not cut off, it has to join. Look at who has no "Ending".
 * The second case, the notes' own, cannot show what it is for: the daemon ends
 * before the other. The last one shows that pthread_detach() is not the same:
 * it says that nobody will join, and the thread is cut off like any other.
 * The notes: setDaemon(True).
 *
 *     both are daemons
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      1.0 s  end..
 *     Alex, 3 s, is a daemon
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      3.0 s  Ending Alex
 *      5.0 s  Ending egon
 *      5.0 s  end..
 *     egon, 5 s, is a daemon
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      3.0 s  Ending Alex
 *      3.0 s  end..
 *     egon is detached
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      3.0 s  Ending Alex
 *      3.0 s  end..
 */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double second = 0.2; /* how long a second of the notes lasts here */
static double start;

/* The clock of the notes. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec / 1e9) / second - start;
}

static void nap(double seconds)
{
    usleep((useconds_t)(seconds * second * 1e6));
}

/* A line in one piece, whoever else prints. */
#define TELL(...) \
    (flockfile(stdout), printf("%4.1f s  ", now()), printf(__VA_ARGS__), \
     putchar('\n'), funlockfile(stdout))

static void take_options(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    start = now();
}

static pthread_t started(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, argument);
    if (error != 0)
        errx(1, "pthread_create: %s", strerror(error));
    return thread;
}

static void *music(void *name)
{
    TELL("Begin %s", (char *)name);
    nap(3);
    TELL("Ending %s", (char *)name);
    return NULL;
}

static void *blog(void *name)
{
    TELL("Begin %s", (char *)name);
    nap(5);
    TELL("Ending %s", (char *)name);
    return NULL;
}

static void both_are_daemons(void)
{
    started(music, "Alex");
    started(blog, "egon");
    nap(1); /* or neither would have begun */
    TELL("end..");
}

static void alex_is_a_daemon(void)
{
    started(music, "Alex");
    pthread_join(started(blog, "egon"), NULL);
    TELL("end..");
}

static void egon_is_a_daemon(void)
{
    pthread_t alex = started(music, "Alex");
    started(blog, "egon");
    pthread_join(alex, NULL);
    TELL("end..");
}

static void egon_is_detached(void)
{
    pthread_t alex = started(music, "Alex");
    pthread_detach(started(blog, "egon"));
    pthread_join(alex, NULL);
    TELL("end..");
}

/* One case in a process of its own, since its end is a part of it. */
static void play(const char *title, void (*body)(void))
{
    printf("%s\n", title);
    pid_t pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0) {
        start += now();
        body();
        exit(0); /* what main() does when it returns */
    }
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    take_options(argc, argv);
    play("both are daemons", both_are_daemons);
    play("Alex, 3 s, is a daemon", alex_is_a_daemon);
    play("egon, 5 s, is a daemon", egon_is_a_daemon);
    play("egon is detached", egon_is_detached);
}
