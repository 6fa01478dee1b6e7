/*
 * bench_baseline.c - what one would otherwise write: a gateway on epoll and one thread.
 *
 *     bench-baseline PORT none|disk FILE [CPU]
 *
 * The same protocol code (gateway/session's SoupBinTCP and OUCH 5.0) and the same engine as
 * wirebook, and the plainest loop around them: wait for readable sockets, read each, step the
 * engine for every frame, write the round's transactions to FILE at once, then send every answer.
 * With `disk` that write is O_DIRECT|O_DSYNC into a file that was filled before (a group commit,
 * one a round; nothing is sent before it is through); with `none` it is a plain write. Like a
 * venue's hot thread it never sleeps. wirebook-bench is its client; scripts/bench-wire and
 * bench-burst run both beside the venue.
 *
 * What it leaves out, all in its own favour: passwords, risk checks, heartbeats, replays, exports,
 * recovery. An account logs in once in its life.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/engine.h"
#include "gateway/session/ouch5.h"
#include "gateway/session/soup.h"

#define CLIENTS_MAX   1024u
#define IN_BYTES      (64u * 1024u)
#define OUT_BYTES     (1u << 20)
#define ANSWER_ROOM   (64u * 1024u) /* nothing is read from who has less room for answers */
#define JOURNAL_BYTES (64u << 20)   /* then from its beginning again */
#define ROUND_BYTES   (4u << 20)    /* of one round's transactions; a round ends when half full */
#define SECTOR        4096u
#define DAY           20261123u

struct conn {
    int fd;
    u32 account; /* 0: not logged in */
    u32 bind_id;
    u32 out_used;
    struct soup_in in;
    u8 out[OUT_BYTES];
};

static struct {
    struct engine *e;
    struct mem mem;
    struct tx tx;
    struct conn *conns[CLIENTS_MAX];      /* by descriptor */
    struct conn *of_account[CLIENTS_MAX]; /* by account */
    u8 *round;                            /* slots of this round */
    u32 round_used;
    int journal;
    u64 journal_at;
    bool disk;
    u64 midnight_ns;
    u64 now_ns;
    int fd_end; /* no descriptor of a client is so high */
    int epoll;
    int listener;
} self;

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
    (void)number;
    stop_wanted = 1;
}

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "bench-baseline: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- the engine ---- */

static void answer(const union msg *m)
{
    struct conn *c = self.of_account[m->ev.account];
    const char *symbol = "        ";

    if (m->ev.session_seq == 0 || c == NULL)
        return;
    ASSERT_GE(OUT_BYTES - c->out_used, SOUP_FRAME_OUT_MAX); /* ANSWER_ROOM was asked for */
    if (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED)
        symbol = engine_instrument(self.e, m->order.instrument)->symbol;
    u8 *frame = c->out + c->out_used;
    u32 n = ouch5_encode(m, symbol, self.midnight_ns, frame + SOUP_HEAD_BYTES);
    c->out_used += soup_head(frame, SOUP_SEQUENCED, n) + n;
}

static void bound(const struct msg_bound *m)
{
    char id[10];
    struct conn *c = self.of_account[m->head.account];

    if (c == NULL)
        return;
    c->bind_id = m->bind_id;
    soup_session_id(id, DAY, 1);
    c->out_used += soup_accepted(c->out + c->out_used, id, m->from_seq);
}

/* A transaction: into the round's bytes, its events to whom they concern. */
static void hand_out(void)
{
    ASSERT_LE(self.round_used + self.tx.used * SLOT_BYTES, ROUND_BYTES);
    memcpy(self.round + self.round_used, self.tx.slots, self.tx.used * SLOT_BYTES);
    self.round_used += self.tx.used * SLOT_BYTES;
    for (u32 at = msg_slots(self.tx.slots); at < self.tx.used;) {
        const union msg *m = (const union msg *)(const void *)&self.tx.slots[at];
        if (m->ev.type == EV_BOUND)
            bound(&m->bound);
        else
            answer(m);
        at += m->ev.slots;
    }
}

static void command(const union msg *m)
{
    static const union msg tick = {.bare = {.cmd = {.type = CMD_TICK, .slots = 1}}};

    while (engine_due(self.e, self.now_ns))
        if (engine_step(self.e, &tick, self.now_ns, &self.tx))
            hand_out();
    if (engine_step(self.e, m, self.now_ns, &self.tx))
        hand_out();
    while (engine_busy(self.e)) {
        engine_continue(self.e, self.now_ns, &self.tx);
        hand_out();
    }
}

static union msg bare(u8 type)
{
    return (union msg){.cmd = {.type = type, .slots = (u8)msg_type_slots(type)}};
}

static void engine_open(void)
{
    struct engine_conf conf = {
        .accounts_max = CLIENTS_MAX - 1,
        .instruments_max = 1024,
        .orders_max = 1u << 20,
        .gateways = 1,
        .hash_key = {clock_now_ns(), 1},
    };
    union msg m = bare(CMD_START);

    mem_init(&self.mem, MEM_HUGE | MEM_POPULATE);
    self.e = engine_new(&conf, &self.mem);
    m.start.epoch = 1;
    m.start.shard = 1;
    command(&m);
    m = bare(CMD_DAY_OPEN);
    m.day.day = DAY;
    m.day.midnight_ns = self.midnight_ns = self.now_ns - NS_PER_SEC;
    command(&m);
}

/* ---- clients ---- */

static void log_in(struct conn *c, const struct soup_frame *f)
{
    struct soup_login login;
    union msg m = bare(CMD_ACCOUNT);

    soup_login_read(f->payload, f->len, &login);
    if (engine_account_find(self.e, login.user) == 0) {
        memcpy(m.account.user, login.user, sizeof login.user);
        memcpy(m.account.firm, "FIRM", 4);
        command(&m);
    }
    c->account = engine_account_find(self.e, login.user);
    self.of_account[c->account] = c;
    m = bare(CMD_LOGIN);
    m.cmd.account = c->account;
    m.login.conn = (u64)c->fd;
    m.login.requested_seq = 1;
    command(&m);
}

static u16 instrument_of(const char symbol[8])
{
    u16 id = engine_instrument_find(self.e, symbol);
    union msg m = bare(CMD_INSTRUMENT);

    if (id != 0)
        return id;
    memcpy(m.instrument.symbol, symbol, 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    command(&m);
    return engine_instrument_find(self.e, symbol);
}

static void request(const struct conn *c, const struct soup_frame *f)
{
    union msg m;

    if (ouch5_decode(f->payload, f->len, &m) != OUCH5_COMMAND)
        return;
    m.cmd.account = c->account;
    m.cmd.bind_id = c->bind_id;
    if (m.cmd.type == CMD_ENTER)
        m.enter.instrument = instrument_of(m.enter.symbol);
    command(&m);
}

static void leave(struct conn *c)
{
    self.of_account[c->account] = NULL;
    self.conns[c->fd] = NULL;
    close(c->fd);
    free(c);
}

/* One read of one connection. */
static void take_in(struct conn *c)
{
    static u8 bytes[IN_BYTES];
    u32 at = 0;

    if (OUT_BYTES - c->out_used < ANSWER_ROOM)
        return;
    ssize_t n = recv(c->fd, bytes, OUT_BYTES - c->out_used < OUT_BYTES / 2 ? SECTOR : IN_BYTES, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        leave(c);
        return;
    }
    while (n > 0 && at < (u32)n) {
        struct soup_frame f;
        u32 used;
        enum soup_status status = soup_next(&c->in, bytes + at, (u32)n - at, &used, &f);
        at += used;
        if (status == SOUP_FRAME && f.type == SOUP_LOGIN && c->account == 0)
            log_in(c, &f);
        else if (status == SOUP_FRAME && f.type == SOUP_UNSEQUENCED && c->account != 0)
            request(c, &f);
        else if (status == SOUP_BAD)
            n = 0; /* wirebook-bench sends none */
    }
}

static void open_conn(void)
{
    int one = 1;
    int fd = accept4(self.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    ASSERT_LT(fd, (int)CLIENTS_MAX);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct conn *c = calloc(1, sizeof *c);
    ASSERT(c != NULL);
    c->fd = fd;
    self.conns[fd] = c;
    self.fd_end = fd >= self.fd_end ? fd + 1 : self.fd_end;
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        die("epoll");
}

/* ---- the round ---- */

/* What was decided is on the disk, or with the kernel, before anybody hears of it. */
static void commit(void)
{
    u32 n = self.disk ? (self.round_used + SECTOR - 1) / SECTOR * SECTOR : self.round_used;

    if (n == 0)
        return;
    memset(self.round + self.round_used, 0, n - self.round_used);
    if (self.journal_at + n > JOURNAL_BYTES)
        self.journal_at = 0;
    if (pwrite(self.journal, self.round, n, (off_t)self.journal_at) != (ssize_t)n)
        die("journal");
    self.journal_at += n;
    self.round_used = 0;
}

static void send_all(void)
{
    for (int i = 0; i < self.fd_end; i++) {
        struct conn *c = self.conns[i];
        if (c == NULL || c->out_used == 0)
            continue;
        ssize_t n = send(c->fd, c->out, c->out_used, MSG_NOSIGNAL);
        if (n <= 0)
            continue; /* the next round, or the read that finds it gone */
        c->out_used -= (u32)n;
        memmove(c->out, c->out + n, c->out_used);
    }
}

static void serve(void)
{
    struct epoll_event events[64];

    while (!stop_wanted) {
        int n = epoll_wait(self.epoll, events, 64, 0);
        self.now_ns = clock_now_ns();
        for (int i = 0; i < n && self.round_used < ROUND_BYTES / 2; i++) {
            struct conn *c = self.conns[events[i].data.fd];
            if (events[i].data.fd == self.listener)
                open_conn();
            else if (c != NULL)
                take_in(c);
        }
        commit();
        send_all();
    }
}

static void listen_on(u16 port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self.epoll = epoll_create1(EPOLL_CLOEXEC);
    self.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(self.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = self.listener};
    if (bind(self.listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(self.listener, 1024) != 0 ||
        epoll_ctl(self.epoll, EPOLL_CTL_ADD, self.listener, &ev) != 0)
        die("listen");
}

/* A file of the whole size that has been written once: a commit allocates nothing. */
static void journal_open(const char *path)
{
    int flags = O_CREAT | O_RDWR | O_CLOEXEC | (self.disk ? O_DIRECT : 0);

    self.journal = open(path, flags, 0600);
    self.round = aligned_alloc(SECTOR, ROUND_BYTES + SECTOR);
    if (self.journal < 0 || self.round == NULL)
        die(path);
    memset(self.round, 0, ROUND_BYTES);
    for (u32 at = 0; at < JOURNAL_BYTES; at += ROUND_BYTES)
        if (pwrite(self.journal, self.round, ROUND_BYTES, at) != (ssize_t)ROUND_BYTES)
            die(path);
    fsync(self.journal);
    if (!self.disk)
        return;
    close(self.journal);
    self.journal = open(path, O_RDWR | O_CLOEXEC | O_DIRECT | O_DSYNC);
    if (self.journal < 0)
        die(path);
}

/* A number up to `max`, or the end. */
static long number(const char *text, long max)
{
    char *end;
    long n = strtol(text, &end, 10);

    errno = EINVAL;
    if (*end != '\0' || text == end || n < 0 || n > max)
        die(text);
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 4 || (strcmp(argv[2], "none") != 0 && strcmp(argv[2], "disk") != 0)) {
        fputs("bench-baseline PORT none|disk FILE [CPU]\n", stderr);
        return 2;
    }
    if (argc > 4) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)number(argv[4], CPU_SETSIZE - 1), &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0)
            die("core");
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    clock_init();
    self.now_ns = clock_now_ns();
    self.disk = strcmp(argv[2], "disk") == 0;
    journal_open(argv[3]);
    engine_open();
    listen_on((u16)number(argv[1], UINT16_MAX));
    serve();
    return 0;
}
