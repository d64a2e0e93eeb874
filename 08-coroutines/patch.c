/*
 * patch: makes the blocking calls of plain code let other coroutines on.
 *
 * Linked with -Wl,--wrap=recv, a program's recv() is __wrap_recv(), and what
 * is called __real_recv() is the C library's recv(); in the same way close(),
 * connect() and send(). So nothing has to be compiled again; `make 08d` shows
 * it. (gevent's monkey.patch_all() puts other functions in the place of
 * Python's, too. Here and there: what waits in one that is not on the list
 * stops all as before.)
 *
 * The calls of co.c come here as well. They are not to wait, and tell the
 * kernel so (MSG_DONTWAIT, O_NONBLOCK), by which we know them.
 * See: ld(1), --wrap. The linker of macOS has no such thing.
 */
#include "co.h"

#include <fcntl.h>

int __real_close(int fd);
int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t __real_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);

int __wrap_close(int fd);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags)
{
    return flags & MSG_DONTWAIT ? __real_recv(fd, buffer, size, flags)
                                : co_recv(fd, buffer, size, flags);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    return flags & MSG_DONTWAIT ? __real_send(fd, bytes, size, flags)
                                : co_send(fd, bytes, size, flags);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK ? __real_connect(fd, address, size)
                                           : co_connect(fd, address, size);
}

/* co_close() lets nobody on, so a flag can tell that we are within. */
int __wrap_close(int fd)
{
    static bool within;
    if (within)
        return __real_close(fd);
    within = true;
    int result = co_close(fd);
    within = false;
    return result;
}
