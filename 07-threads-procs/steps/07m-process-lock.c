/*
 * 07m-process-lock: ten processes print two halves of a line each.
 *
 *     make 07m  or:  07-threads-procs/steps/07m-process-lock [-s SECONDS]
 *
 * SECONDS (0.2): how long a second of the notes lasts. A mutex works between
 * processes if it lies in memory that they share and was told so. Look at the
 * lines without it: the halves of ten mix. The last two lines are what the
 * notes leave out: who holds a lock may die. A robust mutex tells the next one
 * (EOWNERDEAD), who looks after what it protects and goes on; with a plain one
 * everybody would wait for ever.
 * The notes: 进程锁 Lock.
 *
 *     without a lock
 *     hello world 0hello world 1hello world 2... Finished 0
 *      Finished 1
 *     ...
 *     with a lock
 *     hello world 0 Finished 0
 *     hello world 1 Finished 1
 *     ...
 *     its owner is killed: the next one is told "Owner died"
 *     it goes on: the one after it gets "ok"
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 10 };

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
static void take_options(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    start = now();
}

/* A child that runs the body, and ends with the status that it returns. */
static pid_t child(int (*body)(void))
{
    pid_t pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0)
        _exit(body());
    return pid;
}

/* Join: sleep until it has ended. Its exit status, or minus the signal that
   killed it, as in Python. */
static int joined(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) < 0)
        err(1, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static pthread_mutex_t *lock; /* in shared memory */
static bool locks;
static int number;
static int gate[2]; /* a pipe: its end comes when nobody can write any more */

static void make_lock(void)
{
    pthread_mutexattr_t attributes;
    lock = mmap(NULL, sizeof *lock, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lock == MAP_FAILED)
        err(1, "mmap");
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
#ifndef __APPLE__ /* which has none of these */
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
#endif
    pthread_mutex_init(lock, &attributes);
}

static int print_two_halves(void)
{
    if (locks)
        pthread_mutex_lock(lock);
    printf("hello world %d", number);
    fflush(stdout);
    if (!locks) { /* wait until everybody is here: luck shall not help us */
        char byte;
        close(gate[1]);
        if (read(gate[0], &byte, 1) < 0)
            err(1, "read");
    }
    nap(0.1);
    printf(" Finished %d\n", number);
    fflush(stdout);
    if (locks)
        pthread_mutex_unlock(lock);
    return 0;
}

static void ten_children(const char *title)
{
    puts(title);
    if (pipe(gate) < 0)
        err(1, "pipe");
    for (number = 0; number < CHILDREN; number++)
        child(print_two_halves);
    close(gate[0]);
    close(gate[1]);
    while (wait(NULL) > 0)
        ;
}

#ifndef __APPLE__
static int die_with_it(void)
{
    pthread_mutex_lock(lock);
    return raise(SIGKILL);
}

static const char *result(int error)
{
    return error == 0 ? "ok" : error == EOWNERDEAD ? "Owner died" : "?";
}

static void owner_dies(void)
{
    joined(child(die_with_it));
    printf("its owner is killed: the next one is told \"%s\"\n",
           result(pthread_mutex_lock(lock)));
    pthread_mutex_consistent(lock);
    pthread_mutex_unlock(lock);
    printf("it goes on: the one after it gets \"%s\"\n",
           result(pthread_mutex_lock(lock)));
    pthread_mutex_unlock(lock);
}
#endif

int main(int argc, char **argv)
{
    take_options(argc, argv);
    make_lock();
    ten_children("without a lock");
    locks = true;
    ten_children("with a lock");
#ifndef __APPLE__
    owner_dies();
#else
    puts("no robust mutex on this system");
#endif
}
