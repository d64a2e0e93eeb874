/*
 * patch: makes the blocking calls of plain code let other coroutines run.
 *
 * With -Wl,--wrap=recv the linker replaces names: a program's recv() becomes
 * __wrap_recv(), and __real_recv() is the C library's recv(). In the same way
 * it replaces close(), connect() and send(). The program is not compiled
 * again. `make 08d` shows it. (gevent's monkey.patch_all() also puts other
 * functions in the place of Python's.) With gevent and here, a call that is
 * not on the list still stops all coroutines when it waits.
 *
 * The linker replaces these names in co-io.c, too. Its calls say that they do
 * not wait (MSG_DONTWAIT, O_NONBLOCK); we send those to the C library.
 * See: ld(1), --wrap. The linker of macOS has no such option.
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

/* co_close() calls close(), which comes here again. It does not switch, so a
   flag can tell that we are inside it. */
int __wrap_close(int fd)
{
    static bool inside;
    if (inside)
        return __real_close(fd);
    inside = true;
    int result = co_close(fd);
    inside = false;
    return result;
}
