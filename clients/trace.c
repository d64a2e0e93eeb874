/*
 * trace: report the I/O calls of a program, by ptrace(2). See trace.h.
 *
 * A traced thread stops when it enters a call, when it leaves it, when a
 * signal comes for it, and when it begins, starts another thread, or ends. We
 * look at it, report an event, and let it go on. Look at measure_call(): how
 * we know whether a call slept or worked.
 */
#define _GNU_SOURCE
#include "trace.h"

#if defined __linux__ && (defined __x86_64__ || defined __aarch64__)
#include "calls.h"
#include "constants.h"
#include "tracee.h"
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_EVERY = 20,     /* ms: for calls that sleep; no stop shows these */
    SYSCALL_STOP = SIGTRAP | 0x80, /* by PTRACE_O_TRACESYSGOOD */
    ERESTARTSYS = 512,   /* errors inside the kernel, from this number to */
    ERESTART_RESTARTBLOCK = 516, /* that: a signal interrupted the call */
};

/* The kernel's name of the machine: its ELF number, 64 bits, little-endian. */
#ifdef __aarch64__
static const uint32_t NATIVE = EM_AARCH64 | 0xc0000000;
#else
static const uint32_t NATIVE = EM_X86_64 | 0xc0000000;
#endif

struct thread {
    pid_t tid, pid;
    struct call call;                 /* that it is in, if in_call */
    const struct call_type *previous; /* the type of the call before */
    bool in_call;                     /* it is in one that we report */
    bool reported;                    /* ... as asleep */
    long switches;                    /* when it entered the call */
    double cpu_ms;                    /* the same */
    bool has_ended;                   /* but waitpid() has not said so yet */
    struct event event;               /* the call so far */
};

static struct thread **threads;    /* that we trace */
static size_t n_threads, n_living; /* n_living: those that have not ended */
static event_handler *handle_event;
static double exec_ms;             /* when the program started; 0: not yet */

static double now(void) /* ms since the program started */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6 - exec_ms;
}

/* ------------------------------------------------------------- a call */

/* The thread has stopped at the beginning of the call. */
static void enter_call(struct thread *t)
{
    const struct call *c = &t->call;
    int fd = call_fd(c);
    t->event = (struct event){
        .kind = CALL_ENDS, .pid = t->pid, .tid = t->tid,
        .name = call_name(c), .fd = fd,
        .on_socket = fd >= 0 && fd_kind(t->tid, fd) == FD_SOCKET,
        .waits = call_waits(c), .is_log = call_is_log(c), .bytes = -1,
    };
    print_arguments(c, t->event.arguments, TEXT);
    t->in_call = true;
    t->reported = false;
    t->switches = voluntary_switches(t->tid);
    t->cpu_ms = thread_cpu_ms(t->tid);
    t->event.start = now();
}

/* The thread has stopped at the end of the call. Each voluntary switch since
   its beginning was a sleep, but for one, the switch into this stop. */
static void measure_call(struct thread *t)
{
    struct event *e = &t->event;
    e->end = now();
    e->slept = voluntary_switches(t->tid) - t->switches > 1;
    e->cpu_ms = thread_cpu_ms(t->tid) - t->cpu_ms;
    e->asleep_ms = e->slept ? e->end - e->start - e->cpu_ms : 0;
    e->asleep_ms = e->asleep_ms < 0 ? 0 : e->asleep_ms;
}

static bool is_restart(int error)
{
    return error >= ERESTARTSYS && error <= ERESTART_RESTARTBLOCK;
}

static void leave_call(struct thread *t, bool failed)
{
    struct event *e = &t->event;
    int error = failed ? (int)-t->call.result : 0;
    measure_call(t);
    e->failed = failed;
    e->refused = error == EAGAIN && !e->waits && !e->slept;
    if (!failed && call_changes_epoll(&t->call))
        forget_epoll_size();
    if (!failed && call_copies(&t->call))
        e->bytes = t->call.result;
    if (!failed)
        print_result(&t->call, e->detail, TEXT);
    else
        snprintf(e->detail, TEXT, "%s", is_restart(error)
                                        ? "interrupted" : errno_name(error));
    handle_event(e);
    t->in_call = false;
}

/* Is there a call that may yet fall asleep? Report those that have. (A thread
   that falls asleep does not stop, so we have to look again and again.) */
static bool report_sleepers(void)
{
    bool look_again = false;
    for (size_t i = 0; i < n_threads; i++) {
        struct thread *t = threads[i];
        if (!t->in_call || t->reported)
            continue;
        if (now() - t->event.start < LOOK_EVERY || !is_asleep(t->tid)) {
            look_again = true;
            continue;
        }
        struct event e = t->event;
        e.kind = CALL_SLEEPS;
        e.slept = true;
        e.end = now();
        e.asleep_ms = e.end - e.start;
        handle_event(&e);
        t->reported = true;
    }
    return look_again;
}

/* ------------------------------------------------------------ threads */

static struct thread *find_thread(pid_t tid)
{
    for (size_t i = 0; i < n_threads; i++)
        if (threads[i]->tid == tid)
            return threads[i];
    return NULL;
}

/* Report an event that is no call. T: NULL, if it is about no thread. */
static void report(const struct thread *t, enum event_kind kind,
                   const char *name, const char *detail)
{
    struct event e = {
        .kind = kind, .pid = t ? t->pid : 0, .tid = t ? t->tid : 0,
        .start = now(), .end = now(), .name = name, .fd = -1, .bytes = -1,
    };
    snprintf(e.detail, sizeof e.detail, "%s", detail);
    if (exec_ms > 0)
        handle_event(&e);
}

static const char *thread_or_process(const struct thread *t)
{
    return t->tid == t->pid ? "process" : "thread";
}

static struct thread *add_thread(pid_t tid)
{
    struct thread *t = malloc(sizeof *t);
    struct thread **more = realloc(threads, (n_threads + 1) * sizeof *more);
    if (!t || !more)
        err(1, "malloc"); /* the traced program goes on, but not traced */
    *t = (struct thread){ .tid = tid, .pid = process_of(tid) };
    threads = more;
    threads[n_threads++] = t;
    n_living++;
    report(t, THREAD_BEGINS, thread_or_process(t), "");
    return t;
}

/* The thread ends, and with it the call that it is in. */
static void end_thread(struct thread *t, const char *how)
{
    if (t->in_call) {
        measure_call(t);
        t->event.unfinished = true;
        handle_event(&t->event);
        t->in_call = false;
    }
    report(t, THREAD_ENDS, thread_or_process(t), how);
    t->has_ended = true;
    if (--n_living == 0)
        report(NULL, ALL_ENDED, "all", "");
}

/* The thread has gone. (Until then it stays in the list: another thread may
   report the birth of this one later than its end.) */
static void remove_thread(struct thread *t)
{
    if (!t->has_ended)
        end_thread(t, "killed");
    for (size_t i = 0; i < n_threads; i++)
        if (threads[i] == t)
            threads[i] = threads[--n_threads];
    free(t);
}

/* ---------------------------------------------------------- the stops */

/* What the kernel has to say about the event that stopped the thread. */
static unsigned long event_message(pid_t tid)
{
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, tid, 0, &message);
    return message;
}

/* The call that begins. False: we do not report it. After SIGSTOP and SIGCONT
   the kernel continues a call as restart_syscall, which has no arguments: the
   call and its arguments are those from before the stop. */
static bool find_call(struct thread *t,
                      const struct __ptrace_syscall_info *info)
{
    struct call *c = &t->call;
    if (info->entry.nr == SYS_restart_syscall) {
        c->type = t->previous;
    } else {
        c->type = find_call_type(info->entry.nr);
        for (int i = 0; i < 6; i++)
            c->arguments[i] = info->entry.args[i];
    }
    c->pid = t->pid;
    c->tid = t->tid;
    if (c->type && call_is_on_disk(c))
        c->type = NULL;
    t->previous = c->type;
    return c->type != NULL;
}

static void handle_call(struct thread *t)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof info, &info) < 0)
        return; /* the thread was killed meanwhile */
    if (info.arch != NATIVE) { /* a 32-bit call has other numbers */
        t->in_call = false;
        t->previous = NULL;
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->in_call) {
        t->call.result = (long)info.exit.rval;
        leave_call(t, info.exit.is_error);
    } else if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        t->in_call = false;
        if (find_call(t, &info))
            enter_call(t);
    }
}

static void handle_signal(const struct thread *t, int number)
{
    siginfo_t info;
    char detail[TEXT] = "";
    if (ptrace(PTRACE_GETSIGINFO, t->tid, 0, &info) < 0)
        return;
    if (number >= SIGRTMIN)
        snprintf(detail, sizeof detail, "SIGRTMIN+%d", number - SIGRTMIN);
    else if (info.si_code <= 0 && info.si_pid > 0)
        snprintf(detail, sizeof detail, "from %d", info.si_pid);
    report(t, SIGNAL_COMES, signal_name(number), detail);
}

/* The process has called exec; we report events from the first exec on. If it
   had several threads, only the one that called exec is left, and its thread
   id is now the process's. */
static void handle_exec(pid_t pid)
{
    struct thread *t = find_thread((pid_t)event_message(pid));
    if (exec_ms == 0)
        exec_ms = now();
    if (t && t->tid != pid) {
        if (find_thread(pid))
            remove_thread(find_thread(pid));
        report(t, THREAD_ENDS, "thread", "exec");
        t->tid = pid;
    }
    if (t)
        report(t, THREAD_BEGINS, "program", "");
}

static void handle_exit(struct thread *t)
{
    int status = (int)event_message(t->tid);
    char how[TEXT];
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "by %s", signal_name(WTERMSIG(status)));
    else
        snprintf(how, sizeof how, "exit %d", WEXITSTATUS(status));
    end_thread(t, how);
}

/* A thread may stop for the first time before its parent reports its birth,
   or after it. */
static void handle_birth(pid_t parent)
{
    pid_t tid = (pid_t)event_message(parent);
    if (!find_thread(tid) && is_alive(tid))
        add_thread(tid);
}

/* Thread TID has stopped; STATUS is waitpid()'s. Handle that, and let the
   thread go on. */
static void handle_stop(pid_t tid, int status)
{
    struct thread *t = find_thread(tid);
    int number = WSTOPSIG(status), event = status >> 16;
    int how = exec_ms == 0 ? PTRACE_CONT : PTRACE_SYSCALL, deliver = 0;
    if (!t && event != PTRACE_EVENT_EXEC)
        t = add_thread(tid);
    switch (event) {
    case 0:
        if (number == SYSCALL_STOP)
            handle_call(t);
        else
            handle_signal(t, deliver = number);
        break;
    case PTRACE_EVENT_CLONE: case PTRACE_EVENT_FORK: case PTRACE_EVENT_VFORK:
        handle_birth(tid);
        break;
    case PTRACE_EVENT_EXEC:
        handle_exec(tid);
        how = PTRACE_SYSCALL;
        break;
    case PTRACE_EVENT_EXIT:
        handle_exit(t);
        break;
    case PTRACE_EVENT_STOP: /* the thread is new, or a signal stopped it */
        if (number != SIGTRAP)
            how = PTRACE_LISTEN; /* it stays stopped until SIGCONT */
        break;
    }
    ptrace(how, tid, 0, deliver);
}

/* ----------------------------------------------------------- the loop */

static void on_alarm(int number)
{
    (void)number; /* it interrupts waitpid(), so that we look for sleepers */
}

/* Interrupt waitpid() every MS milliseconds; 0: never. */
static void set_alarm(int ms)
{
    static int current;
    struct timeval span = { .tv_usec = ms * 1000 };
    if (ms != current)
        setitimer(ITIMER_REAL, &(struct itimerval){ span, span }, NULL);
    current = ms;
}

/* waitpid() for all traced threads. The alarm may interrupt only this call: a
   write() to a full pipe would lose its line. */
static pid_t next_stop(int *status)
{
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm, NULL);
    pid_t tid = waitpid(-1, status, __WALL);
    int error = errno;
    sigprocmask(SIG_BLOCK, &alarm, NULL);
    errno = error;
    return tid;
}

/* Begin to trace PID. Returns 0 or an error number. */
static int seize(pid_t pid)
{
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
    if (!proc_is_usable())
        return ENOENT;
    return ptrace(PTRACE_SEIZE, pid, 0, options) < 0 ? errno : 0;
}

int trace(pid_t pid, int gate, event_handler *on_event)
{
    int status, error = seize(pid);
    handle_event = on_event;
    exec_ms = 0;
    forget_epoll_size();
    if (error == 0)
        add_thread(pid);
    sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
    if (write(gate, &error, sizeof error) < 0)
        error = errno;
    close(gate);
    if (error != 0) {
        errno = error;
        return -1;
    }
    for (;;) {
        pid_t tid = next_stop(&status);
        if (tid < 0 && errno != EINTR)
            break; /* no thread is left */
        if (tid > 0 && WIFSTOPPED(status))
            handle_stop(tid, status);
        else if (tid > 0 && find_thread(tid))
            remove_thread(find_thread(tid));
        set_alarm(report_sleepers() ? LOOK_EVERY : 0);
    }
    set_alarm(0);
    while (n_threads > 0) /* killed before their birth was reported */
        remove_thread(threads[0]);
    return 0;
}

int wait_for_tracer(int gate)
{
    int error = EPERM; /* if the other end is closed without a message */
    if (read(gate, &error, sizeof error) < 0)
        error = errno;
    close(gate);
    errno = error;
    return error == 0 ? 0 : -1;
}

#else /* another system, or a machine whose calls we do not know */
#include <errno.h>
#include <unistd.h>

int trace(pid_t pid, int gate, event_handler *on_event)
{
    (void)pid;
    (void)on_event;
    close(gate);
    errno = ENOSYS;
    return -1;
}

int wait_for_tracer(int gate)
{
    close(gate);
    errno = ENOSYS;
    return -1;
}
#endif
