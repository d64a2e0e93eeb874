// A right server for lesson 04 in C++: poll(), its list and the clients in
// two vectors.
//
//     $(tests/peers/build 04-poll.cc) [-p PORT] [-q]
//
// A client that has left stays in the list until the end of the round.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const LESSON = "04-poll";
static const size_t BUFFER_SIZE = 64 * 1024;

static bool quiet;

#define LOG(client, format, ...) \
    ((void)(quiet || std::printf("%s:%d: %s: " format "\n", __FILE__, \
                                 __LINE__, (client).name.c_str(), __VA_ARGS__)))

class Client {
public:
    const int fd;
    const std::string name;

    Client(int accepted, std::string address)
        : fd(accepted), name(std::move(address))
    {
        const int yes = 1;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        LOG(*this, "accept: fd %d", fd);
    }
    Client(const Client &) = delete;
    Client &operator=(const Client &) = delete;
    ~Client()
    {
        LOG(*this, "close: fd %d", fd);
        ::close(fd);
    }

    short events() const { return pending.empty() ? POLLIN : POLLOUT; }

    // One turn. Returns false if the client is gone.
    bool serve()
    {
        return pending.empty() ? read() : answer(std::move(pending));
    }

private:
    std::string pending; // bytes that the kernel had no room for

    bool read()
    {
        static char buffer[BUFFER_SIZE];
        const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        LOG(*this, "recv: %zd bytes", n);
        for (char *c = buffer; c < buffer + n; c++)
            *c = static_cast<char>('a' <= *c && *c <= 'z' ? *c - 32 : *c);
        return answer(std::string(buffer, static_cast<size_t>(n)));
    }

    bool answer(std::string bytes)
    {
        ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        n = n < 0 ? 0 : n;
        LOG(*this, "send: %zd of %zu bytes", n, bytes.size());
        pending = bytes.substr(static_cast<size_t>(n));
        return true;
    }
};

class Server {
public:
    explicit Server(int port)
    {
        const int yes = 1;
        sockaddr_in address = sockaddr_in();
        socklen_t size = sizeof address;
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<uint16_t>(port));
        listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if (bind(listener, reinterpret_cast<sockaddr *>(&address), size) < 0 ||
            listen(listener, 128) < 0) {
            std::fprintf(stderr, "bind, port %d: %s\n", port,
                         std::strerror(errno));
            std::exit(1);
        }
        getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size);
        std::printf("%s: listening on 127.0.0.1:%d\n", LESSON,
                    ntohs(address.sin_port));
    }

    void run()
    {
        for (;;) {
            std::vector<pollfd> list;
            const short accepts = out_of_fds ? 0 : POLLIN;
            list.push_back({ listener, accepts, 0 });
            for (const auto &client : clients)
                list.push_back({ client->fd, client->events(), 0 });
            if (poll(list.data(), list.size(), -1) < 0)
                continue; // EINTR
            for (size_t i = 1; i < list.size(); i++)
                if (list[i].revents != 0 && !clients[i - 1]->serve())
                    clients[i - 1] = nullptr;
            remove_closed();
            if (list[0].revents != 0)
                accept_client();
        }
    }

private:
    int listener = -1;
    bool out_of_fds = false; // no accept() until a client closes
    std::vector<std::unique_ptr<Client>> clients;

    void remove_closed()
    {
        std::vector<std::unique_ptr<Client>> open;
        for (auto &client : clients)
            if (client)
                open.push_back(std::move(client));
        if (open.size() < clients.size())
            out_of_fds = false;
        clients = std::move(open);
    }

    void accept_client()
    {
        sockaddr_in peer = sockaddr_in();
        socklen_t size = sizeof peer;
        const int fd = accept(listener, reinterpret_cast<sockaddr *>(&peer),
                              &size);
        if (fd >= 0) {
            clients.emplace_back(new Client(fd, inet_ntoa(peer.sin_addr) +
                (":" + std::to_string(ntohs(peer.sin_port)))));
        } else if (errno == EMFILE && !clients.empty()) {
            out_of_fds = true;
            LOG(*clients.back(), "is the last client: %s", "no free fd");
        }
    }
};

static void say_bye(int)
{
    pollfd log = { STDOUT_FILENO, POLLOUT, 0 };
    if (poll(&log, 1, 0) == 1 && write(STDOUT_FILENO, "bye\n", 4) < 4)
        _exit(1);
    _exit(0);
}

static void wrong_usage(const char *what, const char *word)
{
    std::fprintf(stderr, "%s '%s'\nUsage: %s [-p PORT] [-q]\n", what, word,
                 LESSON);
    std::exit(2);
}

int main(int argc, char **argv)
{
    int port = 9004;
    for (int i = 1; i < argc; i++) {
        const std::string word = argv[i];
        char *end;
        if (word == "-q") {
            quiet = true;
        } else if (word == "-p" && i + 1 < argc) {
            const long n = std::strtol(argv[++i], &end, 10);
            if (*argv[i] == '\0' || *end != '\0' || n < 0 || n > 65535)
                wrong_usage("no port:", argv[i]);
            port = static_cast<int>(n);
        } else {
            wrong_usage("unexpected argument", argv[i]);
        }
    }
    while (open("/dev/null", O_RDWR) <= STDERR_FILENO)
        continue; // fds 0 to 2 may be closed
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::signal(SIGINT, say_bye);
    std::signal(SIGTERM, say_bye);
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    Server(port).run();
}
