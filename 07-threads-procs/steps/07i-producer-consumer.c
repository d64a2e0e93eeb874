/*
 * 07i-producer-consumer: a cook makes baozi, three guests eat them.
 *
 *     make 07i  or: 07-threads-procs/steps/07i-producer-consumer [-s SECONDS]
 *
 * Question: A cook makes baozi faster than three guests eat them. The shelf
 * has room for 1,000. Does the cook ever have to wait?
 * Between them is a shelf, a queue with a limit: when it is full, the fast
 * cook waits for the slow guests (back-pressure). The notes' queue has no
 * limit: look at how many baozi pile up, and the cook never waits. Look also
 * at the end: the cook puts a NO_MORE for each guest. (The notes' guests test
 * whether the queue is empty, and then get an item. Between the two calls
 * another guest may get the last one: both must be one step, under one lock.)
 * The notes: 生产者消费者模型.
 *
 *     a shelf for 3
 *      0.1 s  A has made baozi 0
 *      ...
 *     made 10, eaten 10, most on the shelf 3, the cook had to wait
 */
#include "step.h"

enum { BAOZI = 10, GUESTS = 3, MAX_CAPACITY = 1000, NO_MORE = -1 };

static int shelf[MAX_CAPACITY], capacity;
static int first, count;        /* index of the oldest; baozi on the shelf */
static int most, waits, eaten;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all this */
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;

static void put(int item)
{
    pthread_mutex_lock(&lock);
    waits += count == capacity;
    while (count == capacity)
        pthread_cond_wait(&not_full, &lock);
    shelf[(first + count++) % capacity] = item;
    most = item != NO_MORE && count > most ? count : most;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&lock);
}

static int get(void)
{
    pthread_mutex_lock(&lock);
    while (count == 0)
        pthread_cond_wait(&not_empty, &lock);
    int item = shelf[first];
    first = (first + 1) % capacity;
    count--;
    eaten += item != NO_MORE;
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&lock);
    return item;
}

static void *cook(void *name)
{
    for (int i = 0; i < BAOZI; i++) {
        nap(0.1);
        print_line("%s has made baozi %d", (char *)name, i);
        put(i);
    }
    for (int i = 0; i < GUESTS; i++)
        put(NO_MORE);
    return NULL;
}

static void *eat(void *name)
{
    for (int item; (item = get()) != NO_MORE;) {
        print_line("%s eats baozi %d", (char *)name, item);
        nap(1);
    }
    return NULL;
}

static void run(void)
{
    pthread_t threads[1 + GUESTS];
    threads[0] = create_thread(cook, "A");
    threads[1] = create_thread(eat, "B");
    threads[2] = create_thread(eat, "C");
    threads[3] = create_thread(eat, "D");
    for (int i = 0; i < 1 + GUESTS; i++)
        pthread_join(threads[i], NULL);
    printf("made %d, eaten %d, most on the shelf %d, the cook %s\n", BAOZI,
           eaten, most, waits > 0 ? "had to wait" : "never waited");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    capacity = 3;
    run_case("a shelf for 3", run);
    capacity = MAX_CAPACITY;
    run_case("a shelf for 1000", run);
}
