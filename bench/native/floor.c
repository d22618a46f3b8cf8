/* The least a server can do on this machine: epoll, one read, one write of bytes made beforehand.
 *
 * Usage: floor PORT.  /10k is answered with 10,240 bytes, everything else with "Hello world"; the
 * connection is closed after the answer if the request says so.  It parses nothing and survives no
 * client but the benchmark's; what it costs is the kernel's price, below which no server gets. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char reply[2][2][10240 + 128];
static size_t length[2][2];

static void prepare(int large, int close) {
    static char body[10241];
    memset(body, 'x', 10240);
    length[large][close] = (size_t)snprintf(
        reply[large][close], sizeof reply[large][close],
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s",
        large ? 10240 : 11, close ? "Connection: close\r\n" : "", large ? body : "Hello world");
}

int main(int argc, char **argv) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    static char request[65536];
    for (int large = 0; large < 2; large++)
        for (int close = 0; close < 2; close++)
            prepare(large, close);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
        return perror("floor"), 1;
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd, fresh = fd == listener;
            if (fresh && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
                continue;
            if (fresh)
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            ssize_t got = read(fd, request, sizeof request - 1);
            if (got > 0) {
                request[got] = 0;
                int large = !strncmp(request, "GET /10k ", 9);
                int ends = strstr(request, "Connection: close") != NULL;
                if (write(fd, reply[large][ends], length[large][ends]) < 0 || ends) {
                    close(fd);
                    continue;
                }
            } else if (got == 0 || !fresh) {
                close(fd);
                continue;
            }
            if (fresh) {
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
