/*
 * 01g-address-space: what is the kernel's and what is ours: memory, and fds.
 *
 *     make 01g            or:  01-blocking/steps/01g-address-space
 *
 * Two ways to use an address: a child reads there, and SIGSEGV ends it where
 * it may not; or write() makes the kernel read there, which looks first, and
 * fails with EFAULT. Look at 0xC0000000: kernel space as the notes have it,
 * but that is 32-bit x86; here it is ours. And at the fds, which are indexes
 * into our table of open files: who comes next gets the lowest free one.
 * The notes: 用户空间与内核空间; 文件描述符.
 *
 *     address              what is there         we read  write()
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
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 64 * 1024 /* bytes: a page, or some, on any machine */ };

/* How a child ends that does what it is told: 0, or the signal. */
static int in_a_child(void act(uintptr_t), uintptr_t argument)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        act(argument);
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

static void close_it(uintptr_t fd)
{
    close((int)fd);
}

/* Use an address in both ways. (A pipe: /dev/null would not look at it.) */
static void use(int pipe_fd, uintptr_t address, const char *what)
{
    int signal_number = in_a_child(read_at, address);
    ssize_t n = write(pipe_fd, (const void *)address, 1);
    printf("0x%-18jx %-21s %-8s %s\n", (uintmax_t)address, what,
           signal_number == 0 ? "ok" : signal_number == SIGSEGV ? "SIGSEGV" :
           strsignal(signal_number),
           n == 1 ? "1 byte" : errno == EFAULT ? "EFAULT" : strerror(errno));
}

/* A page at this very address, if we may have one there; else 0. */
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

static void memory(void)
{
    const int bits = sizeof(void *) * 8;
    char variable = 'x';
    int fds[2], top = bits;
    if (pipe(fds) < 0)
        err(1, "pipe");
    puts("address              what is there         we read  write()");
    use(fds[1], 0, "nothing");
    if (page_at(0xC0000000))
        use(fds[1], 0xC0000000, "a page of ours");
    use(fds[1], (uintptr_t)&variable, "a variable of ours");
    use(fds[1], (uintptr_t)(bits == 64 ? 0xffff800000000000 : 0xfffff000),
        "the kernel's half");
    close(fds[0]), close(fds[1]);
    while (top > 20 && !page_at((uintptr_t)3 << (top - 2)))
        top--;
    printf("The highest page that we can have is below 2^%d.\n\n", top);
}

static int need(int fd)
{
    if (fd < 0)
        err(1, "a file descriptor");
    return fd;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }); /* SIGSEGV: no file */
    memory();

    int fds[2], fd = need(socket(AF_INET, SOCK_STREAM, 0));
    char path[] = "/tmp/01g-XXXXXX";
    need(pipe(fds));
    int file = need(mkstemp(path));
    printf("socket(), pipe(), open(): fds %d, %d and %d, %d\n", fd, fds[0],
           fds[1], file);
    close(fd);
    int again = need(open(path, O_RDONLY));
    unlink(path);
    printf("close(%d), open():         fd %d\n", fd, again);
    close(0);
    printf("close(0), socket():       fd %d\n",
           need(socket(AF_INET, SOCK_STREAM, 0)));
    if (write(file, "hello", 5) != 5)
        err(1, "write");
    printf("write() to %d, 5 bytes:    its dup() is at %d, another open() at "
           "%d\n", file, (int)lseek(need(dup(file)), 0, SEEK_CUR),
           (int)lseek(again, 0, SEEK_CUR));
    in_a_child(close_it, (uintptr_t)file);
    printf("a child closes %d:         ours is %s\n", file,
           fcntl(file, F_GETFD) < 0 ? "closed" : "open");
}
