/*
 * patch: in plain code, recv() becomes co_recv(), and three more like it. So
 * only the coroutine waits, and the others run.
 *
 * With -Wl,--wrap=recv the linker replaces names: a program's recv() becomes
 * __wrap_recv(), and __real_recv() is the C library's recv(). In the same way
 * it replaces close(), connect() and send(). The program is not compiled
 * again. `make 08d` shows it. (gevent's monkey.patch_all() does the same to
 * functions of Python.) With gevent and here, a call that is not on the list
 * still stops all coroutines when it waits.
 *
 * The linker replaces these names in co-io.c, too. But co-io.c asks the kernel
 * not to wait (MSG_DONTWAIT, O_NONBLOCK); we send calls that ask this to the C
 * library. So co_recv() does not call itself for ever.
 * See: ld(1), --wrap. The linker of macOS has no such option.
 */
#include "co.h"

#include <fcntl.h>

int __real_close(int fd);
int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t __real_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);

/* Declared first, since no header does it (-Wmissing-prototypes). */
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

/* co_close() calls close(), which comes here again. co_close() does not switch
   to another coroutine, so a flag can tell that we are inside it. */
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
