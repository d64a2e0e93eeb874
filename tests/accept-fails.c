/*
 * An accept() that fails with ENOBUFS for half a second after the first
 * client, for 08-coroutines.bats: linked with -Wl,--wrap=accept. A server that
 * calls it again and again meanwhile ends by abort().
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
int __real_accept(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_accept(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    static int clients, failures;
    static double end;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    double now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    if (clients == 1 && end == 0)
        end = now + 0.5;
    if (clients == 1 && now < end) {
        if (++failures > 200)
            abort();
        errno = ENOBUFS;
        return -1;
    }
    int client = __real_accept(fd, address, size);
    clients += client >= 0;
    return client;
}
