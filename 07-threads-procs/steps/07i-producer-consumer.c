/*
 * 07i-producer-consumer: one makes baozi, three eat them, a shelf between.
 *
 *     make 07i  or:  07-threads-procs/steps/07i-producer-consumer
 *                    [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. The shelf holds three, and
 * that is what makes the quick cook wait for slow guests. The notes' own has
 * no limit: look at how many pile up, and nobody waits. Look also at how it
 * ends: a "no more" for each guest. (The notes' guests ask whether the shelf
 * is empty, and then take. In between another one may take the last: to ask
 * and to take has to be one step, under one lock.)
 * The notes: 生产者消费者模型.
 *
 *     a shelf for 3
 *      0.1 s  A has made baozi 0
 *      0.1 s  B eats baozi 0
 *      ...
 *     made 10, eaten 10, most on the shelf 3, the cook had to wait
 *     a shelf for 1000
 *      ...
 *     made 10, eaten 10, most on the shelf 7, the cook never waited
 */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAOZI = 10, GUESTS = 3, LARGEST = 1000, NO_MORE = -1 };

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

static int shelf[LARGEST], room;
static int first, n;          /* place in it; baozi on it */
static int most, waits, eaten;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all this */
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;

static void put(int item)
{
    pthread_mutex_lock(&lock);
    waits += n == room;
    while (n == room)
        pthread_cond_wait(&not_full, &lock);
    shelf[(first + n++) % room] = item;
    most = item != NO_MORE && n > most ? n : most;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&lock);
}

static int get(void)
{
    pthread_mutex_lock(&lock);
    while (n == 0)
        pthread_cond_wait(&not_empty, &lock);
    int item = shelf[first];
    first = (first + 1) % room;
    n--;
    eaten += item != NO_MORE;
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&lock);
    return item;
}

static void *cook(void *name)
{
    for (int i = 0; i < BAOZI; i++) {
        nap(0.1);
        TELL("%s has made baozi %d", (char *)name, i);
        put(i);
    }
    for (int i = 0; i < GUESTS; i++)
        put(NO_MORE);
    return NULL;
}

static void *eat(void *name)
{
    for (int item; (item = get()) != NO_MORE;) {
        TELL("%s eats baozi %d", (char *)name, item);
        nap(1);
    }
    return NULL;
}

static void meal(int places)
{
    pthread_t threads[1 + GUESTS];
    room = places;
    first = n = most = waits = eaten = 0;
    printf("a shelf for %d\n", room);
    threads[0] = started(cook, "A");
    threads[1] = started(eat, "B");
    threads[2] = started(eat, "C");
    threads[3] = started(eat, "D");
    for (int i = 0; i < 1 + GUESTS; i++)
        pthread_join(threads[i], NULL);
    printf("made %d, eaten %d, most on the shelf %d, the cook %s\n", BAOZI,
           eaten, most, waits > 0 ? "had to wait" : "never waited");
}

int main(int argc, char **argv)
{
    take_options(argc, argv);
    meal(3);
    meal(LARGEST);
}
