/* The least a server can do on this machine: epoll, one read, one write of bytes made beforehand.
 *
 * Usage: floor [gather] PORT, or a UNIX socket's PATH in place of the port.
 * The path of a request chooses the answer: /10k has 10,240 octets, /1m and /file have a MiB
 * (of one block of memory, and by sendfile), /chunks has 16 pieces of 1 KiB with a write each, as
 * PEP 3333 wants it; everything else is "Hello world", after which the connection is closed if the
 * request says so, or is a uwsgi packet.  A POST is answered when its body has been read, to one place
 * over and over; with "gather" the whole of it to memory, which the connection keeps for the next,
 * and then from there piece by piece, as an application reads what a server has waited for so that
 * no slow client occupies a thread.  It parses nothing more and survives no client but the
 * benchmark's; what it costs is the kernel's price, below which no server gets. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PIECES 17
#define MEGABYTE (1 << 20)
#define BLOCK 65536
#define MOST 4096

/* An answer: what is written, one piece after the other, and what of the file follows. */
struct answer {
    const char *path;
    char *piece[PIECES];
    size_t length[PIECES];
    int pieces, file;
};
static struct answer answers[] = {
    {.path = "/10k "}, {.path = "/1m "}, {.path = "/file "}, {.path = "/chunks "}, {.path = "/"}};
enum { TEN, ONE, FILED, CHUNKED, HELLO };
static struct answer farewell;

/* What a connection has still to be given. */
static struct {
    const struct answer *answer;
    size_t written, missing, length;
    int piece;
    char *body;
    size_t room;
} open_[MOST];
static int gathers;
static char *megabyte;
static int file;

static void piece(struct answer *to, const char *head, const char *body, size_t size) {
    size_t length = strlen(head);
    char *text = malloc(length + size + 2);
    memcpy(text, head, length);
    memcpy(text + length, body, size);
    to->piece[to->pieces] = text;
    to->length[to->pieces++] = length + size;
}

static void prepare(void) {
    static char body[10240];
    char head[256], chunk[1026];
    const char *format = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n";
    memset(body, 'x', sizeof body);
    megabyte = malloc(MEGABYTE);
    for (int i = 0; i < MEGABYTE; i++)
        megabyte[i] = (char)i;
    file = memfd_create("floor", 0);
    if (write(file, megabyte, MEGABYTE) != MEGABYTE)
        exit(1);
    snprintf(head, sizeof head, format, 11);
    piece(&answers[HELLO], head, "Hello world", 11);
    piece(&farewell,
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n"
          "Connection: close\r\n\r\n",
          "Hello world", 11);
    snprintf(head, sizeof head, format, 10240);
    piece(&answers[TEN], head, body, 10240);
    snprintf(head, sizeof head, format, MEGABYTE);
    piece(&answers[ONE], head, megabyte, MEGABYTE);
    piece(&answers[FILED], head, "", 0);
    answers[FILED].file = 1;
    memset(chunk, 'c', 1024);
    memcpy(chunk + 1024, "\r\n", 2);
    for (int i = 0; i < 16; i++)
        piece(&answers[CHUNKED],
              i ? "400\r\n"
                : "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "400\r\n",
              chunk, 1026);
    piece(&answers[CHUNKED], "0\r\n\r\n", "", 0);
}

/* Give what the kernel takes; 0 when the connection is to be closed. */
static int give(int fd) {
    const struct answer *answer = open_[fd].answer;
    while (answer && open_[fd].piece < answer->pieces + answer->file) {
        int number = open_[fd].piece, filed = number == answer->pieces;
        size_t all = filed ? MEGABYTE : answer->length[number], done = open_[fd].written;
        off_t from = (off_t)done;
        ssize_t gone = filed ? sendfile(fd, file, &from, all - done)
                             : write(fd, answer->piece[number] + done, all - done);
        if (gone <= 0)
            return gone < 0;
        open_[fd].written += (size_t)gone;
        if (open_[fd].written == all)
            open_[fd].piece++, open_[fd].written = 0;
    }
    if (answer == &farewell)
        return 0;
    open_[fd].answer = NULL;
    return 1;
}

/* What an application's read() does, again and again, with what was gathered. */
static void hand_over(int fd) {
    static char block[BLOCK];
    for (size_t done = 0; done < open_[fd].length; done += BLOCK) {
        size_t left = open_[fd].length - done;
        memcpy(block, open_[fd].body + done, left < BLOCK ? left : BLOCK);
        /* Nobody looks at the copy, and the compiler must not know. */
        __asm__ volatile("" : : "r"(block) : "memory");
    }
    open_[fd].length = 0;
}

/* Make ready for a body of which this much came with the head. */
static void expect(int fd, size_t length, const char *first, size_t here) {
    open_[fd].length = length, open_[fd].missing = length - here;
    if (!gathers)
        return;
    if (length > open_[fd].room)
        open_[fd].body = realloc(open_[fd].body, open_[fd].room = length);
    memcpy(open_[fd].body, first, here);
}

/* Take what is here of a body. */
static void take(int fd) {
    static char nowhere[262144];
    while (open_[fd].missing) {
        char *to = gathers ? open_[fd].body + open_[fd].length - open_[fd].missing : nowhere;
        ssize_t got = read(fd, to, gathers ? open_[fd].missing : sizeof nowhere);
        if (got <= 0)
            return;
        open_[fd].missing -= (size_t)got;
    }
    if (gathers)
        hand_over(fd);
}

int main(int argc, char **argv) {
    const char *where = argv[argc - 1];
    int one = 1, local = where[0] == '/', poll = epoll_create1(0);
    int listener = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(where)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    strncpy(path.sun_path, where, sizeof path.sun_path - 1);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    static char request[16384];
    gathers = argc > 2 && !strcmp(argv[1], "gather");
    prepare();
    signal(SIGPIPE, SIG_IGN);
    if (!local) {
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        /* Connections inherit the one, and with the other come with their first request. */
        setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof one);
    }
    if (bind(listener, local ? (struct sockaddr *)&path : (struct sockaddr *)&address,
             local ? sizeof path : sizeof address) ||
        listen(listener, 1024))
        return perror("floor"), 1;
    if (local)
        chmod(where, 0666);
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    /* Once for both directions, so that nothing is to be armed anew for an answer in parts. */
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    for (;;) {
        int ready = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd, fresh = fd == listener, kind = 0;
            if (fresh && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
                continue;
            if (fresh && fd >= MOST) {
                close(fd);
                continue;
            }
            if (fresh)
                open_[fd].answer = NULL, open_[fd].missing = open_[fd].length = 0;
            take(fd);
            if (!open_[fd].answer) {
                ssize_t got = read(fd, request, sizeof request - 1);
                if (got > 0) {
                    char *length, *end;
                    request[got] = 0;
                    while (kind < HELLO &&
                           strncmp(request + 4, answers[kind].path, strlen(answers[kind].path)))
                        kind++;
                    open_[fd].answer = !request[0] || strstr(request, "Connection: close")
                                           ? &farewell
                                           : &answers[kind];
                    open_[fd].piece = 0, open_[fd].written = 0;
                    if (request[0] == 'P' && (length = strstr(request, "Content-Length: ")) &&
                        (end = strstr(request, "\r\n\r\n")))
                        expect(fd, strtoul(length + 16, NULL, 10), end + 4,
                               (size_t)(request + got - end - 4));
                } else if (got == 0) {
                    close(fd);
                    continue;
                }
                take(fd);
            }
            if (!open_[fd].missing && !give(fd)) {
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
