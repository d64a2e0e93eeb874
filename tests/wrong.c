/* The right server of lesson 03 with one fault, for messages.bats:
   cc -DBUFFERED wrong.c. Each fault is one that beginners make. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---------------------------------------------------- it does not start */

#ifdef BUFFERED /* the ready line stays in stdout's buffer */
#define setvbuf(...) 0
#endif

#ifdef PORT_ZERO /* it prints the port that it was asked for */
#define getsockname(...) 0
#endif

#ifdef OTHER_PORT /* it prints another port than its own */
#define getsockname(...) (here.sin_port = htons(9))
#endif

#ifdef OTHER_TEXT /* another ready line */
#define printf(format, ...) \
    printf(strstr(format, "listening") ? "Ready at %d\n" : format, __VA_ARGS__)
#endif

#ifdef ALL_ADDRESSES /* it listens on all addresses */
#undef INADDR_LOOPBACK
#define INADDR_LOOPBACK INADDR_ANY
#endif

#ifdef ENDS /* it ends at once */
#define setvbuf(...) (fputs("no file server.conf\n", stderr), exit(3))
#endif

#ifdef CRASHES
#define setvbuf(...) abort()
#endif

#ifdef SILENT /* it never listens */
#define listen(...) pause()
#endif

#ifdef OTHER_USAGE /* it does not know -p */
#define getopt(...) (usage("-p"), -1)
#endif

/* -------------------------------------------------------- it serves badly */

#ifdef BLOCKING /* its sockets block: send() sleeps for one client */
#define fcntl(...) 0
#endif

#ifdef READS_ALL /* recv() sleeps until the buffer is full */
#define fcntl(...) 0
#define recv(fd, to, size, flags) recv(fd, to, size, MSG_WAITALL)
#endif

#ifdef CRASHES_AT_A_RESET
#define strerror(error) ((char *)1)
#endif

#ifdef SPINS /* select() never waits, and each round prints a line */
#define select(n, r, w, e, t) \
    (PRINT("9: round\n"), select(n, r, w, e, &(struct timeval){ 0, 0 }))
#endif

#ifdef WRONG_BYTE /* it changes a byte */
#define send(fd, bytes, size, flags) \
    ((size) > 4 ? (bytes)[3] ^= 1 : 0, send(fd, bytes, size, flags))
#endif

#ifdef NAMELESS_LOG /* its log names no file */
#define printf(format, ...) \
    printf((format) + 9 * !strncmp(format, "server.c:", 9), __VA_ARGS__)
#endif

#ifdef ONE_IN_THE_BACKLOG /* and it sleeps before each accept() */
#define listen(fd, n) listen(fd, 0)
#define accept(fd, address, size) (sleep(5), accept(fd, address, size))
#endif

#include "samples/right/server.c"
