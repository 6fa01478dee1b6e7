/*
 * bench_tcp_kernel.c - bench-tcp's work through kernel sockets: 64 bytes in, 64 bytes out.
 *
 *   bench-tcp-kernel [SEGMENTS]
 *
 * 10, 1,000 and 50,000 open connections over the loopback, both ends of them here (fewer where the
 * limit on open files says so; the name tells). In turns of 32 random connections the clients send,
 * then the venue's side reads each request and answers it, and then the clients read. Only the
 * middle part is timed, in CPU time: a read, a write, and the segment that the write makes, which
 * the loopback takes through the kernel's TCP to the other end at once - as the request's way in
 * was taken in the clients' part. No event is waited for; an epoll would come on top. The best of
 * WB_ROUNDS (5) rounds. Prints `tcp.segment.CONNECTIONS.kernel.ns VALUE ns`.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/hash.h"
#include "engine/base/types.h"

#define BURST   32u
#define PAYLOAD 64u
#define PORTS   8u /* that are listened on: one has fewer than 50,000 peers at one address */

struct link {
    int client;
    int venue;
};

static u64 cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static int tcp_socket(void)
{
    int one = 1;
    int s = socket(AF_INET, SOCK_STREAM, 0);

    ASSERT_GE(s, 0);
    ASSERT_EQ(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    return s;
}

/* A listening socket at an address of its own. */
static int listen_at(u32 k, struct sockaddr_in *at)
{
    socklen_t bytes = sizeof *at;
    int s = tcp_socket();

    *at =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + k)};
    ASSERT_EQ(bind(s, (struct sockaddr *)at, sizeof *at), 0);
    ASSERT_EQ(listen(s, 16), 0);
    ASSERT_EQ(getsockname(s, (struct sockaddr *)at, &bytes), 0);
    return s;
}

static void open_all(struct link *links, u32 conns)
{
    struct sockaddr_in at[PORTS];
    int listeners[PORTS], one = 1;

    for (u32 k = 0; k < PORTS; k++)
        listeners[k] = listen_at(k, &at[k]);
    for (u32 i = 0; i < conns; i++) {
        u32 k = i % PORTS;
        links[i].client = tcp_socket();
        ASSERT_EQ(connect(links[i].client, (struct sockaddr *)&at[k], sizeof at[k]), 0);
        links[i].venue = accept(listeners[k], NULL, NULL);
        ASSERT_GE(links[i].venue, 0);
        ASSERT_EQ(setsockopt(links[i].venue, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    }
    for (u32 k = 0; k < PORTS; k++)
        close(listeners[k]);
}

/* One turn; returns the CPU time of the venue's part. */
static u64 turn(const struct link *links, u32 conns, u64 *random)
{
    u8 bytes[PAYLOAD] = {0};
    u32 chosen[BURST];

    for (u32 i = 0; i < BURST; i++) {
        *random += 0x9E3779B97F4A7C15ull;
        chosen[i] = (u32)(hash_u64(*random) % conns);
        ASSERT_EQ(send(links[chosen[i]].client, bytes, PAYLOAD, 0), PAYLOAD);
    }
    u64 began = cpu_ns();
    for (u32 i = 0; i < BURST; i++) {
        ASSERT_EQ(recv(links[chosen[i]].venue, bytes, PAYLOAD, 0), PAYLOAD);
        ASSERT_EQ(send(links[chosen[i]].venue, bytes, PAYLOAD, 0), PAYLOAD);
    }
    u64 took = cpu_ns() - began;
    for (u32 i = 0; i < BURST; i++)
        ASSERT_EQ(recv(links[chosen[i]].client, bytes, PAYLOAD, MSG_WAITALL), PAYLOAD);
    return took;
}

static void run(u32 conns, u64 segments, u32 rounds)
{
    struct link *links = calloc(conns, sizeof *links);
    double best = 1e18;
    u64 random = 1;

    open_all(links, conns);
    for (u32 round = 0; round <= rounds; round++) { /* the first one warms */
        u64 took = 0, done = 0;
        for (; done < segments; done += BURST)
            took += turn(links, conns, &random);
        if (round > 0 && (double)took / (double)done < best)
            best = (double)took / (double)done;
    }
    printf("tcp.segment.%u.kernel.ns %.1f ns\n", conns, best);
    for (u32 i = 0; i < conns; i++) {
        close(links[i].client);
        close(links[i].venue);
    }
    free(links);
}

/* How many sockets this process may have: 100,000 where it can, what the machine allows else. */
static u32 sockets(void)
{
    struct rlimit files = {.rlim_cur = 110000, .rlim_max = 110000};

    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return (u32)files.rlim_cur - 100;
}

int main(int argc, char **argv)
{
    static const u32 conns[] = {10, 1000, 50000};
    const char *text = getenv("WB_ROUNDS");
    u32 most = sockets() / 2;

    for (u32 i = 0; i < ARRAY_LEN(conns); i++)
        run(min_u32(conns[i], most), argc > 1 ? strtoull(argv[1], NULL, 10) : 20000,
            text != NULL ? (u32)strtoul(text, NULL, 10) : 5);
    return 0;
}
