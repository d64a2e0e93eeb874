/* A beginner's server: it answers, and several clients at a time. But it sends
   with a blocking send(), so one client that does not read stops all others,
   it knows neither SIGPIPE nor SIGTERM, and FD_SETSIZE is news to it. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int port = 9003, quiet = 0, option;
    while ((option = getopt(argc, argv, "p:q")) != -1) {
        if (option == 'p') {
            port = atoi(optarg);
        } else if (option == 'q') {
            quiet = 1;
        } else {
            fprintf(stderr, "usage: server [-p PORT] [-q]\n");
            return 2;
        }
    }

    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = inet_addr("127.0.0.1");
    if (bind(listener, (struct sockaddr *)&address, size) < 0) {
        perror("bind");
        return 1;
    }
    listen(listener, 128);
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("03-select: listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);

    fd_set clients;
    int highest = listener;
    FD_ZERO(&clients);
    FD_SET(listener, &clients);
    while (1) {
        fd_set ready = clients;
        select(highest + 1, &ready, NULL, NULL, NULL);
        for (int fd = 0; fd <= highest; fd++) {
            if (!FD_ISSET(fd, &ready))
                continue;
            if (fd == listener) {
                int client = accept(listener, (struct sockaddr *)&address,
                                    &size);
                FD_SET(client, &clients);
                if (client > highest)
                    highest = client;
                if (!quiet) {
                    printf("server.c:60: 127.0.0.1:%d is here\n",
                           ntohs(address.sin_port));
                    fflush(stdout);
                }
                continue;
            }
            char buffer[4096];
            int n = recv(fd, buffer, sizeof buffer, 0);
            if (n <= 0) {
                close(fd);
                FD_CLR(fd, &clients);
                continue;
            }
            for (int i = 0; i < n; i++)
                buffer[i] = toupper(buffer[i]);
            send(fd, buffer, n, 0);
        }
    }
}
