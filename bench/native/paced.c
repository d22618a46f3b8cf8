/* An open-loop load: requests leave at a constant rate whether or not answers have come.
 *
 * Usage: paced PORT PATH RATE SECONDS CONNECTIONS
 * A request that finds every connection busy waits for one, and its time runs from the moment at
 * which it was due, so that a stall of the server is counted once for every request that it held
 * up.  It has a processor to itself and never sleeps on it: to be woken would add tens of
 * microseconds of its own.  Prints one line: answered failed p50 p90 p99 p999 most late
 * (microseconds), of which late is the p99 of its own delays, from the moment at which a request was
 * due and had a connection to the one at which it was sent.  Answers must be 200 with a
 * Content-Length; a connection that the server closes is opened again. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 1024
struct connection {
    int fd, busy;
    double due;
    size_t got;
    char buffer[65536];
};

static struct sockaddr_in address = {.sin_family = AF_INET};
static struct connection *pool;
static int idle[MOST], idles, poll;
static char request[1024];

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void reopen(int index) {
    struct connection *each = &pool[index];
    struct epoll_event event = {.events = EPOLLIN, .data.fd = index};
    int one = 1;
    if (each->fd > 0)
        close(each->fd);
    each->got = 0;
    each->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(each->fd, (struct sockaddr *)&address, sizeof address)) {
        perror("paced: connect");
        exit(1);
    }
    setsockopt(each->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(poll, EPOLL_CTL_ADD, each->fd, &event);
}

/* Whether the answer is complete: 1 yes, 2 yes and the connection ends, 0 not yet, -1 it is bad. */
static int complete(struct connection *each) {
    char *end, *field;
    each->buffer[each->got] = 0;
    if (!(end = strstr(each->buffer, "\r\n\r\n")))
        return 0;
    field = strcasestr(each->buffer, "\r\ncontent-length:");
    if (strncmp(each->buffer + 8, " 200", 4) || !field || field > end)
        return -1;
    if (each->got < (size_t)(end + 4 - each->buffer) + (size_t)atol(field + 17))
        return 0;
    field = strcasestr(each->buffer, "\r\nconnection: close");
    return field && field < end ? 2 : 1;
}

static int ascending(const void *a, const void *b) {
    return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b);
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    double rate = atof(argv[3]), seconds = atof(argv[4]);
    int connections = atoi(argv[5]) < MOST ? atoi(argv[5]) : MOST;
    long total = (long)(rate * seconds), sent = 0, answered = 0, failed = 0;
    double *times = calloc((size_t)total + 1, sizeof *times);
    double *delays = calloc((size_t)total + 1, sizeof *delays), freed = 0;
    struct epoll_event events[64];
    address.sin_port = htons(atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: paced\r\n"
                        "Accept: */*\r\n\r\n", argv[2]);
    pool = calloc((size_t)connections, sizeof *pool);
    poll = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        reopen(i);
        idle[idles++] = i;
    }
    double began = now(), late = began + seconds + 5;
    while (answered + failed < total) {
        double at = now();
        if (at > late) {
            failed = total - answered;
            break;
        }
        while (sent < total && idles && began + sent / rate <= at) {
            struct connection *each = &pool[idle[--idles]];
            each->due = began + sent / rate;
            each->busy = 1;
            /* Until a connection was free it was the server that held it up. */
            delays[sent++] = now() - (freed > each->due ? freed : each->due);
            if (write(each->fd, request, (size_t)size) != size)
                shutdown(each->fd, SHUT_RDWR);
        }
        int ready = epoll_wait(poll, events, 64, 0);
        for (int i = 0; i < ready; i++) {
            int index = events[i].data.fd;
            struct connection *each = &pool[index];
            ssize_t got = read(each->fd, each->buffer + each->got,
                               sizeof each->buffer - 1 - each->got);
            if (got > 0)
                each->got += (size_t)got;
            int state = got <= 0 ? -1 : complete(each);
            if (!state)
                continue;
            if (each->busy) {
                if (state > 0)
                    times[answered++] = now() - each->due;
                else
                    failed++;
                each->busy = 0;
                if (!idles)
                    freed = now();
                idle[idles++] = index;
            }
            each->got = 0;
            if (state != 1)
                reopen(index);
        }
    }
    qsort(times, (size_t)answered, sizeof *times, ascending);
    qsort(delays, (size_t)sent, sizeof *delays, ascending);
    double parts[] = {0.5, 0.9, 0.99, 0.999, 1};
    printf("%ld %ld", answered, failed);
    for (int i = 0; i < 5; i++) {
        long place = (long)(parts[i] * (double)answered);
        printf(" %.1f", answered ? times[place < answered ? place : answered - 1] * 1e6 : 0.0);
    }
    printf(" %.1f\n", sent ? delays[(long)(0.99 * (double)(sent - 1))] * 1e6 : 0.0);
    return 0;
}
