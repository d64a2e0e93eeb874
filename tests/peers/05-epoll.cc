// A right server for lesson 05 in C++: epoll, level- and edge-triggered (-e).
//
//     $(tests/peers/build 05-epoll.cc) [-p PORT] [-e] [-q]
//
// It watches each client once, for everything, and edge-triggered it keeps a
// list of the clients that may have more to read: one turn each in a round.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const LESSON = "05-epoll";
static const size_t BUFFER_SIZE = 16 * 1024;

struct Client {
    std::string name;
    std::string pending; // bytes that the kernel had no room for
    uint32_t events;     // as epoll knows them
    bool waits_for_turn; // edge-triggered: there may be more to read
};

static int epoll_fd, listener;
static bool edge, quiet, out_of_fds;
static std::unordered_map<int, Client> clients;
static std::vector<int> turns; // clients that may be read without an event

#define LOG(format, ...) \
    ((void)(quiet || std::printf("%s:%d: " format "\n", __FILE__, __LINE__, \
                                 __VA_ARGS__)))

static void watch(int fd, int operation, uint32_t events)
{
    epoll_event event = epoll_event();
    event.events = events;
    event.data.fd = fd;
    if (epoll_ctl(epoll_fd, operation, fd, &event) < 0)
        LOG("epoll_ctl: %s", std::strerror(errno));
}

// Level-triggered: watch a client for what it waits for.
static void watch_client(int fd, Client &c)
{
    const uint32_t events = c.pending.empty() ? EPOLLIN : EPOLLOUT;
    if (edge || events == c.events)
        return;
    watch(fd, EPOLL_CTL_MOD, events);
    c.events = events;
}

static void close_client(int fd)
{
    LOG("%s: close", clients[fd].name.c_str());
    clients.erase(fd);
    turns.erase(std::remove(turns.begin(), turns.end(), fd), turns.end());
    ::close(fd);
    if (out_of_fds)
        watch(listener, EPOLL_CTL_MOD, EPOLLIN);
    out_of_fds = false;
}

static bool flush(int fd, Client &c)
{
    const ssize_t n = send(fd, c.pending.data(), c.pending.size(),
                           MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    LOG("%s: send: %zd of %zu bytes", c.name.c_str(), n, c.pending.size());
    c.pending.erase(0, static_cast<size_t>(n));
    if (c.pending.empty())
        std::string().swap(c.pending);
    return true;
}

// One turn. A read that fills the buffer may have left bytes behind: then there
// is another turn. Returns false if the client is gone.
static bool serve(int fd, Client &c)
{
    static char buffer[BUFFER_SIZE];
    c.waits_for_turn = false;
    if (!c.pending.empty() && !flush(fd, c))
        return false;
    if (!c.pending.empty())
        return true;
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    LOG("%s: recv: %zd bytes", c.name.c_str(), n);
    c.pending.assign(buffer, static_cast<size_t>(n));
    for (char &byte : c.pending)
        byte = static_cast<char>('a' <= byte && byte <= 'z' ? byte - 32 : byte);
    c.waits_for_turn = edge;
    return flush(fd, c);
}

static void take_turn(int fd)
{
    const auto at = clients.find(fd);
    if (at == clients.end())
        return;
    Client &c = at->second;
    const bool waited = c.waits_for_turn;
    if (!serve(fd, c)) {
        close_client(fd);
        return;
    }
    if (c.waits_for_turn && !c.pending.empty())
        c.waits_for_turn = false; // the event "writable" will come
    if (c.waits_for_turn && !waited)
        turns.push_back(fd);
    if (!c.waits_for_turn && waited)
        turns.erase(std::remove(turns.begin(), turns.end(), fd), turns.end());
    watch_client(fd, c);
}

static void accept_client()
{
    sockaddr_in peer = sockaddr_in();
    socklen_t size = sizeof peer;
    const int yes = 1;
    const int fd = accept4(listener, reinterpret_cast<sockaddr *>(&peer), &size,
                           SOCK_NONBLOCK);
    if (fd < 0 && errno == EMFILE && !clients.empty()) {
        LOG("accept: %s", std::strerror(errno));
        watch(listener, EPOLL_CTL_MOD, 0);
        out_of_fds = true;
    }
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    Client &c = clients[fd];
    c.name = inet_ntoa(peer.sin_addr) +
        (":" + std::to_string(ntohs(peer.sin_port)));
    c.events = edge ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN;
    c.waits_for_turn = false;
    LOG("%s: accept: fd %d", c.name.c_str(), fd);
    watch(fd, EPOLL_CTL_ADD, c.events);
}

static void say_bye(int)
{
    pollfd log = { STDOUT_FILENO, POLLOUT, 0 };
    if (poll(&log, 1, 0) == 1 && write(STDOUT_FILENO, "bye\n", 4) < 4)
        _exit(1);
    _exit(0);
}

static void wrong_usage(const std::string &message)
{
    std::fprintf(stderr, "%s\nusage: %s [-p PORT] [-e] [-q]\n", message.c_str(),
                 LESSON);
    std::exit(2);
}

static int parse_arguments(int argc, char **argv)
{
    int port = 9005, option;
    while ((option = getopt(argc, argv, "p:eq")) != -1) {
        char *end;
        const long n = option == 'p' ? std::strtol(optarg, &end, 10) : 0;
        if (option == 'p' && (end == optarg || *end || n < 0 || n > 65535))
            wrong_usage(std::string("no port: ") + optarg);
        if (option == '?')
            wrong_usage("a wrong option");
        edge = edge || option == 'e';
        quiet = quiet || option == 'q';
        port = option == 'p' ? static_cast<int>(n) : port;
    }
    if (optind < argc)
        wrong_usage(std::string("unexpected argument ") + argv[optind]);
    return port;
}

static void listen_on(int port)
{
    sockaddr_in address = sockaddr_in();
    socklen_t size = sizeof address;
    const int yes = 1;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, reinterpret_cast<sockaddr *>(&address), size) < 0 ||
        listen(listener, SOMAXCONN) < 0) {
        std::fprintf(stderr, "bind, port %d: %s\n", port, std::strerror(errno));
        std::exit(1);
    }
    getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size);
    std::printf("%s: listening on 127.0.0.1:%d\n", LESSON,
                ntohs(address.sin_port));
}

int main(int argc, char **argv)
{
    const int port = parse_arguments(argc, argv);
    while (open("/dev/null", O_RDWR) <= STDERR_FILENO)
        continue; // fds 0 to 2 may be closed
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::signal(SIGINT, say_bye);
    std::signal(SIGTERM, say_bye);
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    listen_on(port);
    epoll_fd = epoll_create1(0);
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        epoll_event events[256];
        const int n = epoll_wait(epoll_fd, events, 256, turns.empty() ? -1 : 0);
        const std::vector<int> round = turns;
        for (int fd : round)
            take_turn(fd);
        for (int i = 0; i < n; i++) {
            const int fd = events[i].data.fd;
            if (fd == listener)
                accept_client();
            else if (std::find(round.begin(), round.end(), fd) == round.end())
                take_turn(fd);
        }
    }
}
