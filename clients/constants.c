/*
 * constants: the names of errno and signal numbers. See constants.h.
 */
#include "constants.h"
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

struct constant {
    int value;
    const char *name;
};

#define NAME(constant) { constant, #constant }

static const struct constant errors[] = {
    NAME(EAGAIN), NAME(EINTR), NAME(ECONNRESET), NAME(EPIPE),
    NAME(EINPROGRESS), NAME(ECONNREFUSED), NAME(ECONNABORTED), NAME(EMFILE),
    NAME(ENFILE), NAME(ENOTCONN), NAME(EBADF), NAME(EINVAL), NAME(ENOENT),
    NAME(EEXIST), NAME(EPERM), NAME(EADDRINUSE), NAME(ESPIPE), NAME(ENOTSOCK),
    NAME(ETIMEDOUT), NAME(ENOSYS), NAME(ECHILD), NAME(EFAULT), NAME(EACCES),
    NAME(EISCONN), NAME(EIO), NAME(EALREADY), NAME(EOPNOTSUPP), NAME(ENOBUFS),
    NAME(ENOMEM), NAME(ETIME), NAME(EBUSY),
};

static const struct constant signals[] = {
    NAME(SIGHUP), NAME(SIGINT), NAME(SIGQUIT), NAME(SIGILL), NAME(SIGTRAP),
    NAME(SIGABRT), NAME(SIGBUS), NAME(SIGFPE), NAME(SIGKILL), NAME(SIGUSR1),
    NAME(SIGSEGV), NAME(SIGUSR2), NAME(SIGPIPE), NAME(SIGALRM), NAME(SIGTERM),
    NAME(SIGCHLD), NAME(SIGCONT), NAME(SIGSTOP), NAME(SIGTSTP), NAME(SIGTTIN),
    NAME(SIGTTOU), NAME(SIGURG), NAME(SIGXCPU), NAME(SIGXFSZ),
    NAME(SIGVTALRM), NAME(SIGPROF), NAME(SIGWINCH), NAME(SIGSYS), NAME(SIGIO),
#ifdef __linux__
    NAME(SIGSTKFLT), NAME(SIGPWR),
#endif
};

static const char *find_name(const struct constant *list, size_t n, int value,
                             const char *otherwise)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].value == value)
            return list[i].name;
    return otherwise;
}

const char *errno_name(int error)
{
    return find_name(errors, sizeof errors / sizeof *errors, error,
                     strerror(error));
}

const char *signal_name(int number)
{
    return find_name(signals, sizeof signals / sizeof *signals, number,
                     "a real-time signal");
}
