/*
 * faults: a library that makes system calls of any program fail.
 *
 *     make build/faults.so
 *     FAULTS='recv:EINTR=20 send:short=50' LD_PRELOAD=$PWD/build/faults.so \
 *         03-select/server
 *     make faults SERVER=path/to/yours     all faults, one after the other
 *
 * FAULTS        rules, with spaces between them: CALL:FAULT=PERCENT. So many
 *               of 100 calls get that fault. All rules of one call together
 *               have at most 100.
 *     CALL      recv, send (also recvfrom, sendto, recvmsg, sendmsg, and
 *               read, readv, write, writev of a socket), read (of no socket),
 *               write (to a regular file), accept, connect, socket,
 *               setsockopt, close, select, poll, epoll_wait, epoll_ctl,
 *               malloc (also calloc, realloc), mmap, open, fork,
 *               pthread_create, nanosleep, waitpid
 *     FAULT     the name of an errno, as EINTR; or short: recv, send, read and
 *               write then move a part of the bytes
 * FAULTS_SEED   a number (1): another one, other calls that fail
 * FAULTS_FROM   wait (what is left out means this): no fault before the
 *               program first waits, in accept, select, poll or epoll_wait;
 *               start: from the first call on
 * FAULTS_STATE  a file of at least 32 bytes, four numbers of 8 bytes:
 *               0: while it is not 0, there are no faults; 1: programs that
 *               have loaded the library; 2: calls that a rule names, so far;
 *               3: faults so far. A script can read and write it.
 * FAULTS_LOG    any text: a line on standard error for each fault
 *
 * A wrong value ends the program, exit status 2, with a line that names it.
 *
 * The n-th call of a name gets the same fault in each run with this seed. What
 * the n-th call is depends on threads and on the network, so a run is repeated
 * nearly, not exactly.
 *
 * A fault is one that a kernel could give: no byte is lost. EAGAIN comes only
 * from a socket that does not block (fork and pthread_create: always); a wait
 * that may not sleep gives no EINTR; connect() that fails with EINTR goes on;
 * close() that fails has closed. After EAGAIN or a short call on an
 * edge-triggered fd, epoll reports the fd again, as it does for a real one.
 *
 * Look at next_fault() in faults-rules.c, then at recv() here: the other calls
 * are like it.
 * Not here: a static program, a set-user-ID one, and macOS ignore LD_PRELOAD;
 * calls that libc makes itself, as printf() does, do not come here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "faults-rules.h"

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
          const sigset_t *signals);

static atomic_ulong forks; /* children so far */

static int fail(int reason)
{
    errno = reason;
    return -1;
}

static bool is_kind(int fd, mode_t kind)
{
    struct stat s;
    int reason = errno;
    bool is = fstat(fd, &s) == 0 && (s.st_mode & S_IFMT) == kind;
    errno = reason;
    return is;
}

/* The fault of a call that reads or writes any fd. */
static int file_fault(enum call call, int fd)
{
    bool writes = call == WRITE;
    if (is_kind(fd, S_IFSOCK))
        return next_fault(writes ? SEND : RECV, fd, false);
    return writes && !is_kind(fd, S_IFREG) ? 0 : next_fault(call, fd, false);
}

/* ---------------------------------------------------------- bytes in, out */

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    REAL(recv);
    int fault = next_fault(RECV, fd, flags & MSG_DONTWAIT);
    if (fault > 0)
        return fail(fault);
    return real(fd, bytes, fault == SHORT ? part_of(size) : size, flags);
}

ssize_t recvfrom(int fd, void *bytes, size_t size, int flags,
                 struct sockaddr *from, socklen_t *length)
{
    REAL(recvfrom);
    int fault = next_fault(RECV, fd, flags & MSG_DONTWAIT);
    if (fault > 0)
        return fail(fault);
    return real(fd, bytes, fault == SHORT ? part_of(size) : size, flags, from,
                length);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    REAL(send);
    int fault = next_fault(SEND, fd, flags & MSG_DONTWAIT);
    if (fault > 0)
        return fail(fault);
    return real(fd, bytes, fault == SHORT ? part_of(size) : size, flags);
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
               const struct sockaddr *to, socklen_t length)
{
    REAL(sendto);
    int fault = next_fault(SEND, fd, flags & MSG_DONTWAIT);
    if (fault > 0)
        return fail(fault);
    return real(fd, bytes, fault == SHORT ? part_of(size) : size, flags, to,
                length);
}

ssize_t read(int fd, void *bytes, size_t size)
{
    REAL(read);
    int fault = file_fault(READ, fd);
    if (fault > 0)
        return fail(fault);
    return real(fd, bytes, fault == SHORT ? part_of(size) : size);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(write);
    int fault = file_fault(WRITE, fd);
    if (fault > 0)
        return fail(fault);
    return real(fd, bytes, fault == SHORT ? part_of(size) : size);
}

/* Where there are several buffers, a short call moves a part of the first. */

ssize_t readv(int fd, const struct iovec *buffers, int n)
{
    REAL(readv);
    int fault = file_fault(READ, fd);
    if (fault != SHORT)
        return fault > 0 ? fail(fault) : real(fd, buffers, n);
    struct iovec first = { buffers->iov_base, part_of(buffers->iov_len) };
    return real(fd, &first, 1);
}

ssize_t writev(int fd, const struct iovec *buffers, int n)
{
    REAL(writev);
    int fault = file_fault(WRITE, fd);
    if (fault != SHORT)
        return fault > 0 ? fail(fault) : real(fd, buffers, n);
    struct iovec first = { buffers->iov_base, part_of(buffers->iov_len) };
    return real(fd, &first, 1);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    REAL(recvmsg);
    int fault = next_fault(RECV, fd, flags & MSG_DONTWAIT);
    return fault > 0 ? fail(fault) : real(fd, message, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg);
    int fault = next_fault(SEND, fd, flags & MSG_DONTWAIT);
    return fault > 0 ? fail(fault) : real(fd, message, flags);
}

/* ------------------------------------------------------------- connections */

int socket(int family, int type, int protocol)
{
    REAL(socket);
    int fault = next_fault(SOCKET, -1, false);
    return fault > 0 ? fail(fault) : real(family, type, protocol);
}

int accept(int fd, struct sockaddr *address, socklen_t *size)
{
    REAL(accept);
    faults_start();
    int fault = next_fault(ACCEPT, fd, false);
    return fault > 0 ? fail(fault) : real(fd, address, size);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    REAL(accept4);
    faults_start();
    int fault = next_fault(ACCEPT, fd, false);
    return fault > 0 ? fail(fault) : real(fd, address, size, flags);
}

/* EINTR: the kernel goes on connecting. */
int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    REAL(connect);
    int fault = next_fault(CONNECT, fd, false);
    if (fault == EINTR && !is_nonblocking(fd)) {
        int flags = fcntl(fd, F_GETFL);
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        int result = real(fd, address, size), reason = errno;
        fcntl(fd, F_SETFL, flags);
        return result == 0 || reason == EINPROGRESS ? fail(EINTR)
                                                    : fail(reason);
    }
    return fault > 0 && fault != EINTR ? fail(fault) : real(fd, address, size);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    REAL(setsockopt);
    int fault = next_fault(SETSOCKOPT, fd, false);
    return fault > 0 ? fail(fault) : real(fd, level, name, value, size);
}

int close(int fd)
{
    REAL(close);
    int fault = next_fault(CLOSE, fd, false);
    watch_edges(-1, fd, NULL);
    int result = real(fd);
    return fault > 0 && result == 0 ? fail(fault) : result;
}

/* ------------------------------------------------------------------- waits */

/* The fault of a wait; SLEEPS: it may sleep. */
static int wait_fault(enum call call, bool sleeps)
{
    faults_start();
    return sleeps ? next_fault(call, -1, false) : 0;
}

int select(int nfds, fd_set *readable, fd_set *writable, fd_set *except,
           struct timeval *timeout)
{
    REAL(select);
    int fault = wait_fault(SELECT, timeout == NULL || timeout->tv_sec != 0 ||
                           timeout->tv_usec != 0);
    return fault > 0 ? fail(fault)
                     : real(nfds, readable, writable, except, timeout);
}

int pselect(int nfds, fd_set *readable, fd_set *writable, fd_set *except,
            const struct timespec *timeout, const sigset_t *signals)
{
    REAL(pselect);
    int fault = wait_fault(SELECT, timeout == NULL || timeout->tv_sec != 0 ||
                           timeout->tv_nsec != 0);
    return fault > 0 ? fail(fault) : real(nfds, readable, writable, except,
                                          timeout, signals);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    REAL(poll);
    int fault = wait_fault(POLL, timeout != 0);
    return fault > 0 ? fail(fault) : real(fds, n, timeout);
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
          const sigset_t *signals)
{
    REAL(ppoll);
    int fault = wait_fault(POLL, timeout == NULL || timeout->tv_sec != 0 ||
                           timeout->tv_nsec != 0);
    return fault > 0 ? fail(fault) : real(fds, n, timeout, signals);
}

int epoll_wait(int epoll, struct epoll_event *events, int n, int timeout)
{
    REAL(epoll_wait);
    int fault = wait_fault(EPOLL_WAIT, timeout != 0);
    return fault > 0 ? fail(fault) : real(epoll, events, n, timeout);
}

int epoll_pwait(int epoll, struct epoll_event *events, int n, int timeout,
                const sigset_t *signals)
{
    REAL(epoll_pwait);
    int fault = wait_fault(EPOLL_WAIT, timeout != 0);
    return fault > 0 ? fail(fault) : real(epoll, events, n, timeout, signals);
}

int epoll_ctl(int epoll, int change, int fd, struct epoll_event *event)
{
    REAL(epoll_ctl);
    int fault = change == EPOLL_CTL_ADD ? next_fault(EPOLL_CTL, fd, false) : 0;
    if (fault > 0)
        return fail(fault);
    watch_edges(epoll, fd, change == EPOLL_CTL_DEL ? NULL : event);
    return real(epoll, change, fd, event);
}

/* It has slept no time. */
int nanosleep(const struct timespec *time, struct timespec *rest)
{
    REAL(nanosleep);
    int fault = next_fault(NANOSLEEP, -1, false);
    if (fault <= 0)
        return real(time, rest);
    if (rest != NULL)
        *rest = *time;
    return fail(fault);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    REAL(waitpid);
    int fault = options & WNOHANG ? 0 : next_fault(WAITPID, -1, false);
    return fault > 0 ? fail(fault) : real(pid, status, options);
}

/* --------------------------------------------------------- files, threads */

void *mmap(void *at, size_t size, int access, int flags, int fd, off_t from)
{
    REAL(mmap);
    int fault = next_fault(MMAP, -1, false);
    if (fault <= 0)
        return real(at, size, access, flags, fd, from);
    errno = fault;
    return MAP_FAILED;
}

int openat(int directory, const char *path, int flags, ...)
{
    REAL(openat);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(arguments, int) : 0;
    va_end(arguments);
    int fault = next_fault(OPEN, -1, false);
    return fault > 0 ? fail(fault) : real(directory, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    REAL(open);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(arguments, int) : 0;
    va_end(arguments);
    int fault = next_fault(OPEN, -1, false);
    return fault > 0 ? fail(fault) : real(path, flags, mode);
}

/* A child has faults of its own. */
pid_t fork(void)
{
    REAL(fork);
    int fault = next_fault(FORK, -1, false);
    if (fault > 0)
        return fail(fault);
    unsigned long number = ++forks;
    pid_t pid = real();
    if (pid == 0)
        faults_of_child(number);
    return pid;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*body)(void *), void *argument)
{
    REAL(pthread_create);
    int fault = next_fault(PTHREAD_CREATE, -1, false);
    return fault > 0 ? fault : real(thread, attributes, body, argument);
}
