/*
 * 01g-address-space: what belongs to the kernel, and what to the process.
 *
 *     make 01g    or:  01-blocking/steps/01g-address-space
 *
 * Question: A process reads at the address 0. Then it passes this address to
 * write(). Do both end the process?
 * Memory: a child reads at an address; SIGSEGV ends it where it may not read.
 * Or the kernel reads there for write(), and write() fails with EFAULT. Look
 * at 0xC0000000: kernel space in the notes, but only on 32 bits.
 * Fds: an fd is an index into the process's table of open files. Look at each
 * new one: the kernel takes the lowest free number.
 * The notes: 用户空间与内核空间; 文件描述符.
 *
 *     address              what is there         read     write()
 *     0xc0000000           a page of ours        ok       1 byte
 *     close(3), open():         fd 3
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "step.h"

enum { PAGE = 64 * 1024 /* bytes: one page or several, on any machine */ };

/* Read at the address: in a child, which a signal may end; and through the
   kernel. (For /dev/null, in place of a pipe, the kernel would not read.) */
static void try_address(int pipe_fd, uintptr_t address, const char *what)
{
    int status;
    if (check(fork(), "fork") == 0) {
        (void)*(const volatile char *)address;
        _exit(0);
    }
    check(wait(&status), "wait");
    int n = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    printf("0x%-18jx %-21s %-8s ", (uintmax_t)address, what,
           n == 0 ? "ok" : n == SIGSEGV ? "SIGSEGV" : strsignal(n));
    puts(write(pipe_fd, (const void *)address, 1) == 1 ? "1 byte" :
         errno == EFAULT ? "EFAULT" : strerror(errno));
}

/* Map a page. Is it at this very address? (Elsewhere it does no harm.) */
static bool map_page(uintptr_t address)
{
    return mmap((void *)address, PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == (void *)address;
}

static void show_memory(void)
{
    const int bits = sizeof(void *) * 8;
    int fds[2], top = bits;
    check(pipe(fds), "pipe");
    puts("address              what is there         read     write()");
    try_address(fds[1], 0, "nothing");
    if (map_page(0xC0000000))
        try_address(fds[1], 0xC0000000, "a page of ours");
    try_address(fds[1], (uintptr_t)fds, "a variable of ours");
    try_address(fds[1], UINTPTR_MAX << (bits - 17), "the kernel's half");
    close(fds[0]), close(fds[1]);
    while (top > 20 && !map_page((uintptr_t)3 << (top - 2)))
        top--;
    printf("The highest page that we can have is below 2^%d.\n\n", top);
}

static void show_fds(void)
{
    int fds[2], fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    char path[] = "/tmp/01g-XXXXXX";
    check(pipe(fds), "pipe");
    int file = check(mkstemp(path), path);
    printf("socket(), pipe(), open(): fds %d, %d and %d, %d\n", fd, fds[0],
           fds[1], file);
    close(fd);
    int again = check(open(path, O_RDONLY), path);
    unlink(path);
    printf("close(%d), open():         fd %d\n", fd, again);
    close(0);
    printf("close(0), socket():       fd %d\n",
           check(socket(AF_INET, SOCK_STREAM, 0), "socket"));
    check(write(file, "hello", 5), "write");
    printf("write() to %d, 5 bytes:    its dup() is at %d, another open() at "
           "%d\n", file, (int)lseek(dup(file), 0, SEEK_CUR),
           (int)lseek(again, 0, SEEK_CUR));
    if (check(fork(), "fork") == 0)
        _exit(close(file));
    wait(NULL);
    printf("a child closes %d:         ours is %s\n", file,
           fcntl(file, F_GETFD) < 0 ? "closed" : "open");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }); /* no core files */
    show_memory();
    show_fds();
}
