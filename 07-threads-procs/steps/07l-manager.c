/*
 * 07l-manager: a process that owns a dict and a list; ten others write.
 *
 *     make 07l  or:  07-threads-procs/steps/07l-manager
 *
 * Nothing is shared: each access is a message to the owner and an answer. So
 * there is one who does one thing after the other, and no lock. Look at the
 * key "pid", which all of them write: the last one's is left. And at the
 * counter: to get it and to set it are two messages, and whoever comes between
 * is overwritten (each of the ten waits there until all have got it, so that
 * it shows); "add" is one message.
 * The notes: 通过 Manager 共享.
 *
 *     the dict has 13 keys; the ten pids stand for themselves: 1
 *     "pid" is one of the ten: 1
 *     the list has 10 pids
 *     got and set by ten: 1
 *     added by ten: 10
 *     done by another process: 1
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 10, CLIENTS = CHILDREN + 1, MOST = 100 /* keys, items */ };

enum { THE_PID = -1, COUNT = -2, SUM = -3 }; /* keys that are no pid */

struct message {
    enum { SET, GET, ADD, KEYS, APPEND, LENGTH, WHO } what;
    long key, value;
};

static int to_clients[CLIENTS], to_manager[CLIENTS]; /* pairs of sockets */
static int me = CHILDREN; /* which of them; the parent is the last */
static int gate[2];       /* a pipe: closed when all have come to it */

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

/* ------------------------------------------------------------- the owner */

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

static long done(const struct message *m)
{
    switch (m->what) {
    case SET: return *value_of(m->key) = m->value;
    case GET: return *value_of(m->key);
    case ADD: return *value_of(m->key) += m->value;
    case KEYS: return keys;
    case APPEND: return items < MOST ? list[items++] = m->value : -1;
    case LENGTH: return items;
    case WHO: return getpid();
    }
    return -1;
}

/* Until the last one has closed its end. */
static int manage(void)
{
    struct pollfd ends[CLIENTS];
    int open = CLIENTS;
    for (int i = 0; i < CLIENTS; i++) {
        close(to_manager[i]);
        ends[i] = (struct pollfd){ .fd = to_clients[i], .events = POLLIN };
    }
    while (open > 0 && poll(ends, CLIENTS, -1) > 0)
        for (int i = 0; i < CLIENTS; i++) {
            struct message m;
            if (ends[i].revents == 0)
                continue;
            if (read(ends[i].fd, &m, sizeof m) == sizeof m) {
                long answer = done(&m);
                if (write(ends[i].fd, &answer, sizeof answer) < 0)
                    warn("answer");
            } else {
                ends[i].fd = -1; /* poll() skips it from now on */
                open--;
            }
        }
    return 0;
}

/* ---------------------------------------------------------- those who ask */

static long ask(int what, long key, long value)
{
    struct message m = { .what = what, .key = key, .value = value };
    long answer;
    if (write(to_manager[me], &m, sizeof m) != sizeof m ||
        read(to_manager[me], &answer, sizeof answer) != sizeof answer)
        err(1, "manager");
    return answer;
}

/* Keep this one's own end alone, or the manager never sees an end. */
static void become(int which)
{
    me = which;
    for (int i = 0; i < CLIENTS; i++)
        if (i != me)
            close(to_manager[i]);
}

static int write_to_both(void)
{
    char byte;
    long pid = getpid();
    become(me);
    ask(SET, THE_PID, pid);
    ask(SET, pid, pid);
    ask(APPEND, 0, pid);
    ask(ADD, SUM, 1);
    long count = ask(GET, COUNT, 0);
    close(gate[1]);
    if (read(gate[0], &byte, 1) != 0) /* until all have closed theirs */
        err(1, "gate");
    ask(SET, COUNT, count + 1);
    return 0;
}

int main(void)
{
    pid_t children[CHILDREN];
    bool last = false, itself = true;
    for (int i = 0; i < CLIENTS; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
            err(1, "socketpair");
        to_clients[i] = ends[0];
        to_manager[i] = ends[1];
    }
    pid_t manager = child(manage);
    if (pipe(gate) < 0)
        err(1, "pipe");
    for (me = 0; me < CHILDREN; me++)
        children[me] = child(write_to_both);
    become(CHILDREN);
    close(gate[1]);
    for (int i = 0; i < CHILDREN; i++)
        joined(children[i]);

    for (int i = 0; i < CHILDREN; i++) {
        last = last || ask(GET, THE_PID, 0) == children[i];
        itself = itself && ask(GET, children[i], 0) == children[i];
    }
    printf("the dict has %ld keys; the ten pids stand for themselves: %d\n",
           ask(KEYS, 0, 0), itself);
    printf("\"pid\" is one of the ten: %d\n", last);
    printf("the list has %ld pids\n", ask(LENGTH, 0, 0));
    printf("got and set by ten: %ld\n", ask(GET, COUNT, 0));
    printf("added by ten: %ld\n", ask(GET, SUM, 0));
    printf("done by another process: %d\n", ask(WHO, 0, 0) == manager);
    close(to_manager[me]);
    return joined(manager);
}
