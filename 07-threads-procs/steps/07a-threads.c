/*
 * 07a-threads: two threads, and whom main() waits for.
 *
 *     make 07a  or:  07-threads-procs/steps/07a-threads [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. pthread_join() puts to sleep
 * whoever calls it, until that thread has ended; nobody else. Look at the
 * place of "end....". (The two that begin together may do so in either order.)
 * When a program of Python has come to its end, it still waits for all its
 * threads. In C the end of main() is the end of all: so here main() joins whom
 * it has not joined before, but not in the last case. (pthread_exit() in
 * main() would do as well: it ends this one thread.)
 * The notes: Thread类直接创建.
 *
 *     join both
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      3.0 s  Ending Alex
 *      5.0 s  Ending egon
 *      5.0 s  end....
 *     join the first
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      3.0 s  Ending Alex
 *      3.0 s  end....
 *      5.0 s  Ending egon
 *     join none
 *      0.0 s  end....
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      3.0 s  Ending Alex
 *      5.0 s  Ending egon
 *     join the first, and end
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      3.0 s  Ending Alex
 *      3.0 s  end....
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

static void join_both(void)
{
    pthread_t alex = started(music, "Alex"), egon = started(blog, "egon");
    pthread_join(alex, NULL);
    pthread_join(egon, NULL);
    TELL("end....");
}

static void join_first(void)
{
    pthread_t alex = started(music, "Alex"), egon = started(blog, "egon");
    pthread_join(alex, NULL);
    TELL("end....");
    pthread_join(egon, NULL);
}

static void join_none(void)
{
    pthread_t alex = started(music, "Alex"), egon = started(blog, "egon");
    TELL("end....");
    pthread_join(alex, NULL);
    pthread_join(egon, NULL);
}

static void join_first_and_end(void)
{
    pthread_t alex = started(music, "Alex");
    started(blog, "egon");
    pthread_join(alex, NULL);
    TELL("end....");
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
    play("join both", join_both);
    play("join the first", join_first);
    play("join none", join_none);
    play("join the first, and end", join_first_and_end);
}
