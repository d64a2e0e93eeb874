/*
 * 01g-address-space: what belongs to the kernel, and what to the process.
 *
 *     make 01g            or:  01-blocking/steps/01g-address-space
 *
 * Memory: a child reads at an address, and SIGSEGV ends it if the process may
 * not read there; or write() lets the kernel read there, and the kernel checks
 * first: write() fails with EFAULT. Look at 0xC0000000: kernel space in the
 * notes, but only on 32-bit x86; here it belongs to the process.
 * Fds: an fd is an index into the process's table of open files. Look at each
 * new one: the kernel takes the lowest free number.
 * The notes: 用户空间与内核空间; 文件描述符.
 *
 *     address              what is there         read     write()
 *     0x0                  nothing               SIGSEGV  EFAULT
 *     0xc0000000           a page of ours        ok       1 byte
 *     0x7ffc75bfbb2f       a variable of ours    ok       1 byte
 *     0xffff800000000000   the kernel's half     SIGSEGV  EFAULT
 *     The highest page that we can have is below 2^47.
 *
 *     socket(), pipe(), open(): fds 3, 4 and 5, 6
 *     close(3), open():         fd 3
 *     close(0), socket():       fd 0
 *     write() to 6, 5 bytes:    its dup() is at 5, another open() at 0
 *     a child closes 6:         ours is open
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "step.h"

enum { PAGE = 64 * 1024 /* bytes: one page or several, on any machine */ };

/* Call FUNCTION in a child. Returns the signal that ended it, or 0. */
static int in_a_child(void function(uintptr_t), uintptr_t argument)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        function(argument);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        err(1, "fork and waitpid");
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void read_at(uintptr_t address)
{
    (void)*(const volatile char *)address;
}

static void close_fd_number(uintptr_t fd)
{
    close((int)fd);
}

/* Read at the address, as a process and through the kernel. (It writes to a
   pipe: for /dev/null the kernel does not read the bytes.) */
static void try_address(int pipe_fd, uintptr_t address, const char *what)
{
    int signal_number = in_a_child(read_at, address);
    ssize_t n = write(pipe_fd, (const void *)address, 1);
    printf("0x%-18jx %-21s %-8s %s\n", (uintmax_t)address, what,
           signal_number == 0 ? "ok" : signal_number == SIGSEGV ? "SIGSEGV" :
           strsignal(signal_number),
           n == 1 ? "1 byte" : errno == EFAULT ? "EFAULT" : strerror(errno));
}

/* Map a page at this very address. Returns the address, or 0. */
static uintptr_t page_at(uintptr_t address)
{
    void *page = mmap((void *)address, PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return 0;
    if (page != (void *)address)
        munmap(page, PAGE);
    return page == (void *)address ? address : 0;
}

static void show_memory(void)
{
    const int bits = sizeof(void *) * 8;
    char variable = 'x';
    int fds[2], top = bits;
    if (pipe(fds) < 0)
        err(1, "pipe");
    puts("address              what is there         read     write()");
    try_address(fds[1], 0, "nothing");
    if (page_at(0xC0000000))
        try_address(fds[1], 0xC0000000, "a page of ours");
    try_address(fds[1], (uintptr_t)&variable, "a variable of ours");
    try_address(fds[1],
                (uintptr_t)(bits == 64 ? 0xffff800000000000 : 0xfffff000),
                "the kernel's half");
    close(fds[0]), close(fds[1]);
    while (top > 20 && !page_at((uintptr_t)3 << (top - 2)))
        top--;
    printf("The highest page that we can have is below 2^%d.\n\n", top);
}

static int checked(int fd)
{
    if (fd < 0)
        err(1, "a file descriptor");
    return fd;
}

static void show_fds(void)
{
    int fds[2], fd = checked(socket(AF_INET, SOCK_STREAM, 0));
    char path[] = "/tmp/01g-XXXXXX";
    checked(pipe(fds));
    int file = checked(mkstemp(path));
    printf("socket(), pipe(), open(): fds %d, %d and %d, %d\n", fd, fds[0],
           fds[1], file);
    close(fd);
    int again = checked(open(path, O_RDONLY));
    unlink(path);
    printf("close(%d), open():         fd %d\n", fd, again);
    close(0);
    printf("close(0), socket():       fd %d\n",
           checked(socket(AF_INET, SOCK_STREAM, 0)));
    if (write(file, "hello", 5) != 5)
        err(1, "write");
    printf("write() to %d, 5 bytes:    its dup() is at %d, another open() at "
           "%d\n", file, (int)lseek(checked(dup(file)), 0, SEEK_CUR),
           (int)lseek(again, 0, SEEK_CUR));
    in_a_child(close_fd_number, (uintptr_t)file);
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
