/*
 * 07l-manager: one process owns a dict and a list; ten other processes write.
 *
 *     make 07l  or:  07-threads-procs/steps/07l-manager
 *
 * Question: Ten processes add 1 to a counter: each one gets it, adds 1, and
 * sets it. All of them get it before the first one sets it. What is it at the
 * end?
 * The processes share no memory: each access is a message to the manager and
 * an answer. The manager does one thing after the other, so it needs no lock.
 * Look at the key "pid", which all ten write: the last value stays. Look at
 * the counter: GET and SET are two messages, and another process may write
 * between them; its write is lost. (To show it every time, each process waits
 * after its GET until all ten have done theirs.) ADD is one message.
 * The notes: 通过 Manager 共享.
 *
 *     ...
 *     the list has 10 pids
 *     counted by GET and SET: 1
 *     counted by ADD: 10
 *     another process did all this: 1
 */
#include "step.h"

#include <poll.h>

enum { CHILDREN = 10, CLIENTS = CHILDREN + 1, MOST = 100 /* keys, items */ };
enum { KEY_PID = -1, KEY_COUNT = -2, KEY_SUM = -3 }; /* others are pids */

struct request {
    enum { SET, GET, ADD, KEYS, APPEND, LENGTH, MANAGER_PID } operation;
    long key, value;
};

static int to_clients[CLIENTS], to_manager[CLIENTS]; /* pairs of sockets */
static int own = CHILDREN; /* index of this process; the parent is the last */
static int gate[2];        /* a pipe: EOF when all ten have closed its end */

/* --------------------------------------------------------- the manager */

static struct { long key, value; } dict[MOST];
static long list[MOST];
static long keys, items;

static long *value_of(long key)
{
    long i = 0;
    while (i < keys && dict[i].key != key)
        i++;
    if (i == MOST)
        errx(1, "the dict is full");
    if (i == keys)
        dict[keys++].key = key;
    return &dict[i].value;
}

static long execute(const struct request *r)
{
    switch (r->operation) {
    case SET: return *value_of(r->key) = r->value;
    case GET: return *value_of(r->key);
    case ADD: return *value_of(r->key) += r->value;
    case KEYS: return keys;
    case APPEND: return items < MOST ? list[items++] = r->value : -1;
    case LENGTH: return items;
    case MANAGER_PID: return getpid();
    }
    return -1;
}

/* Answer requests until the last client has closed its end. */
static int manage(void)
{
    struct pollfd fds[CLIENTS];
    int open = CLIENTS;
    for (int i = 0; i < CLIENTS; i++) {
        close(to_manager[i]);
        fds[i] = (struct pollfd){ .fd = to_clients[i], .events = POLLIN };
    }
    while (open > 0 && poll(fds, CLIENTS, -1) > 0)
        for (int i = 0; i < CLIENTS; i++) {
            struct request r;
            if (fds[i].revents == 0)
                continue;
            if (read(fds[i].fd, &r, sizeof r) == sizeof r) {
                long answer = execute(&r);
                send(fds[i].fd, &answer, sizeof answer, 0);
            } else {
                fds[i].fd = -1; /* poll() skips it from now on */
                open--;
            }
        }
    return 0;
}

/* --------------------------------------------------------- its clients */

static long call(int operation, long key, long value)
{
    struct request r = { .operation = operation, .key = key, .value = value };
    long answer;
    if (write(to_manager[own], &r, sizeof r) != sizeof r ||
        read(to_manager[own], &answer, sizeof answer) != sizeof answer)
        err(1, "manager");
    return answer;
}

/* Close the ends of the other clients, or the manager never reads EOF. */
static void close_others(void)
{
    for (int i = 0; i < CLIENTS; i++)
        if (i != own)
            close(to_manager[i]);
}

static int use_both(void)
{
    long pid = getpid();
    close_others();
    call(SET, KEY_PID, pid);
    call(SET, pid, pid);
    call(APPEND, 0, pid);
    call(ADD, KEY_SUM, 1);
    long count = call(GET, KEY_COUNT, 0);
    wait_for_all(gate);
    call(SET, KEY_COUNT, count + 1);
    return 0;
}

int main(int argc, char **argv)
{
    pid_t children[CHILDREN];
    bool last = false, all = true;
    begin_step(argc, argv, "", "(no options)");
    for (int i = 0; i < CLIENTS; i++) {
        int ends[2];
        check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
        to_clients[i] = ends[0];
        to_manager[i] = ends[1];
    }
    pid_t manager = create_process(manage);
    check(pipe(gate), "pipe");
    for (own = 0; own < CHILDREN; own++)
        children[own] = create_process(use_both);
    close_others();
    close(gate[1]);
    for (int i = 0; i < CHILDREN; i++)
        join_process(children[i]);

    for (int i = 0; i < CHILDREN; i++) {
        last = last || call(GET, KEY_PID, 0) == children[i];
        all = all && call(GET, children[i], 0) == children[i];
    }
    printf("the dict has %ld keys; each of the ten pids has itself as value: "
           "%d\n", call(KEYS, 0, 0), all);
    printf("\"pid\" is one of the ten: %d\n", last);
    printf("the list has %ld pids\n", call(LENGTH, 0, 0));
    printf("counted by GET and SET: %ld\n", call(GET, KEY_COUNT, 0));
    printf("counted by ADD: %ld\n", call(GET, KEY_SUM, 0));
    printf("another process did all this: %d\n",
           call(MANAGER_PID, 0, 0) == manager);
    close(to_manager[own]);
    return join_process(manager);
}
