/*
 * test_net_host.c - what RFC 9293 asks of TCP towards IP and the application: addresses, TTL and
 * Diffserv, another way when a router dies, what can be asked about a connection, idle memory;
 * and that what happens to one connection touches no others.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"
#include "tests/lib/net_script.h"

#define IP_AT  14u /* of the header in a frame */
#define TOS_AT (IP_AT + 1)
#define TTL_AT (IP_AT + 8)

static u64 stat(const struct script *s, enum net_stat which)
{
    return metric_get(&s->net->stats[which]);
}

static void check_header(struct script *s, u8 ttl, u8 dscp)
{
    const struct script_frame *f = script_out_frame(s);

    assert_non_null(f);
    assert_int_equal(f->bytes[TTL_AT], ttl);
    assert_int_equal(f->bytes[TOS_AT], dscp << 2);
    assert_int_equal(script_cksum(f->bytes + IP_AT, 20, 0), 0);
}

/* MUST-48, MUST-49, SHLD-21, SHLD-22: chosen for all, and for one, also while it is open. */
static void ttl_and_diffserv(void **state)
{
    struct net_conf conf;
    struct script s;
    struct script_seg syn = {.flags = TCP_SYN, .seq = 1000, .window = 65535};
    struct script_seg stray = {.src_port = 9, .flags = TCP_ACK, .ack = 7};

    (void)state;
    script_conf(&conf);
    assert_int_equal(conf.ttl, 64);
    conf.ttl = 200;
    conf.dscp = 46;
    script_init(&s, &conf);
    script_in(&s, &syn);
    check_header(&s, 200, 46);
    script_in(&s, &stray);
    check_header(&s, 200, 46);
    script_open(&s, NULL, 0);
    net_send(s.net, s.conn, "a", 1);
    net_flush(s.net, s.now_ns);
    check_header(&s, 200, 46);
    net_set_dscp(s.net, s.conn, 10);
    net_send(s.net, s.conn, "b", 1);
    net_flush(s.net, s.now_ns);
    check_header(&s, 200, 10);
    net_set_dscp(s.net, s.conn + 1, 11); /* nobody: harmless */
    script_free(&s);
}

/* MUST-46, MUST-57, MUST-63: nothing to or from an address that is not one machine's. */
static void only_unicast(void **state)
{
    static const u32 bad[] = {0, 0x7f000001, 0xe0000001, 0xffffffff, 0x0a0000ff, SCRIPT_OUR_IP};
    struct script s;
    u8 good[SCRIPT_FRAME_MAX], frame[SCRIPT_FRAME_MAX];
    struct script_seg syn = {.flags = TCP_SYN, .seq = 1, .window = 100};
    u32 n = script_build(&syn, good);

    (void)state;
    script_init(&s, NULL);
    for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
        u32 ipv4 = be32(bad[i]);
        assert_true(net_connect(s.net, ipv4, 80, 0, s.now_ns) == 0);
        struct packet p = {
            .data = frame, .len = n, .ip_cksum = PACKET_CKSUM_GOOD, .l4_cksum = PACKET_CKSUM_GOOD};
        memcpy(frame, good, n);
        memcpy(frame + 26, &ipv4, 4); /* from there */
        net_input(s.net, &p, s.now_ns);
        memcpy(frame, good, n);
        if (bad[i] != SCRIPT_OUR_IP) {
            memcpy(frame + 30, &ipv4, 4); /* for there */
            net_input(s.net, &p, s.now_ns);
        }
    }
    memcpy(frame, good, n);
    memset(frame, 0xff, 6); /* by the link's broadcast */
    script_frame_in(&s, frame, n);
    memcpy(frame, good, n);
    memset(frame + 34, 0, 2); /* from port 0 */
    struct packet p = {.data = frame, .len = n, .l4_cksum = PACKET_CKSUM_GOOD};
    net_input(s.net, &p, s.now_ns);
    assert_int_equal(stat(&s, NET_DROP_TCP_PORT), 1);
    net_flush(s.net, s.now_ns);
    assert_null(script_out_frame(&s));
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(stat(&s, NET_DROP_IP_SOURCE), ARRAY_LEN(bad));
    assert_int_equal(stat(&s, NET_DROP_NOT_OURS), ARRAY_LEN(bad));
    script_free(&s);
}

/* RFC 3021: a network of two addresses has no broadcast, the second one is a machine's. */
static void two_addresses(void **state)
{
    struct script_seg syn = {.flags = TCP_SYN, .seq = 7, .window = 1000};
    u8 frame[SCRIPT_FRAME_MAX];
    struct net_conf conf;
    struct script s;

    (void)state;
    script_conf(&conf);
    conf.ipv4 = be32(SCRIPT_OUR_IP - 1);
    conf.netmask = be32(0xfffffffe);
    script_init(&s, &conf);
    u32 n = script_build(&syn, frame);
    frame[29] = 1; /* from 10.0.0.1 to 10.0.0.0 */
    frame[33] = 0;
    struct packet p = {
        .data = frame, .len = n, .ip_cksum = PACKET_CKSUM_GOOD, .l4_cksum = PACKET_CKSUM_GOOD};
    net_input(s.net, &p, s.now_ns);
    assert_int_equal(net_conns(s.net), 1);
    assert_int_not_equal(net_connect(s.net, be32(SCRIPT_OUR_IP), 80, 0, s.now_ns), 0);
    script_free(&s);
}

/* MUST-20: the router that led to the peer is dead; at R1 we ask, then take the other. */
static void another_way_at_r1(void **state)
{
    struct script s;
    u8 frame[SCRIPT_FRAME_MAX];
    u32 asked = 0, by_old = 0, by_new = 0;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, NULL, 0);
    struct script_seg seg = {.flags = TCP_ACK,
                             .seq = s.peer_seq,
                             .ack = s.peer_ack,
                             .window = 100,
                             .data = "x",
                             .len = 1};
    u32 n = script_build(&seg, frame);
    frame[11] = 77; /* it comes through 02:..:77, and so do our answers */
    script_frame_in(&s, frame, n);
    script_clear(&s);
    s.answer_arp = true; /* who is asked says 02:..:02 */
    net_send(s.net, s.conn, "y", 1);
    net_flush(s.net, s.now_ns);
    script_run(&s, 3 * NS_PER_SEC);
    for (const struct script_frame *f; (f = script_out_frame(&s)) != NULL;) {
        asked += f->bytes[13] == 6;
        by_old += f->bytes[13] == 0 && f->bytes[5] == 77;
        by_new += f->bytes[13] == 0 && f->bytes[5] == 2;
        assert_true(by_new == 0 || asked == 1);
        assert_true(by_new == 0 || f->bytes[5] != 77); /* and never back by itself */
    }
    assert_int_equal(asked, 1);
    assert_true(by_old >= 4 && by_new >= 1);
    script_free(&s);
}

/* MUST-58, MUST-59: what came in one turn is acknowledged by one segment, after all of it. */
static void one_ack_a_turn(void **state)
{
    static const u8 bytes[1460];
    struct script s;
    u8 frame[SCRIPT_FRAME_MAX];
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, (u8[]){2, 4, 5, 0xb4}, 4);
    script_clear(&s);
    for (u32 i = 0; i < 8; i++) {
        struct script_seg seg = {.flags = TCP_ACK,
                                 .seq = s.peer_seq + i * 1460,
                                 .ack = s.peer_ack,
                                 .window = 100,
                                 .data = bytes,
                                 .len = 1460};
        script_frame_in(&s, frame, script_build(&seg, frame));
    }
    net_flush(s.net, s.now_ns);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.ack, s.peer_seq + 8 * 1460);
    assert_false(script_out(&s, &a));
    script_free(&s);
}

/* MUST-33, MUST-47, SHLD-9: everything that somebody may ask about a connection. */
static void looked_at(void **state)
{
    struct script s;
    struct net_look look;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, (u8[]){2, 4, 5, 0xb4}, 4);
    assert_false(net_look(s.net, s.conn + 1, s.now_ns, &look));
    assert_true(net_look(s.net, s.conn, s.now_ns, &look));
    assert_string_equal(look.state, "ESTABLISHED");
    assert_int_equal(look.mss, 1460);
    assert_int_equal(look.queued + look.in_flight + look.unread + look.timeouts, 0);
    s.take = 2;
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abcde", 5);
    net_send(s.net, s.conn, "xyz", 3);
    net_flush(s.net, s.now_ns);
    script_run(&s, 1 * NS_PER_SEC);
    assert_true(net_look(s.net, s.conn, s.now_ns, &look));
    assert_int_equal(look.queued, 3);
    assert_int_equal(look.in_flight, 3);
    assert_true(look.timeouts >= 3); /* R1 is reached */
    assert_int_equal(look.stalled_ns, NS_PER_SEC);
    assert_int_equal(look.silent_ns, NS_PER_SEC);
    assert_true(look.unread == 0);
    s.take = 0;
    script_seg(&s, TCP_ACK | TCP_FIN, s.peer_seq + 5, s.peer_ack + 3, "fgh", 3);
    assert_true(net_look(s.net, s.conn, s.now_ns, &look));
    assert_int_equal(look.unread, 3); /* the FIN is no byte */
    assert_int_equal(look.queued, 0);
    assert_int_equal(look.silent_ns, 0);
    assert_string_equal(look.state, "CLOSE_WAIT");
    script_run_steps(&s, 250 * NS_PER_SEC, NS_PER_MS); /* its keepalives are not answered */
    assert_false(net_look(s.net, s.conn, s.now_ns, &look));
    script_free(&s);
}

/* An idle connection takes at most 1 KiB with its part of all tables; a pool's chunk is extra. */
static void idle_memory(void **state)
{
    struct net_conf conf;

    (void)state;
    for (u32 conns = 1000; conns <= 64000; conns *= 2) {
        script_conf(&conf);
        conf.conns_max = conns;
        u64 many = net_bytes(&conf);
        conf.conns_max = 1;
        u64 one = net_bytes(&conf);
        assert_true((many - one) / (conns - 1) <= 1024);
    }
}

/* ---- nothing walks all connections ---- */

#define MANY       4000u
#define PAGE_BYTES 4096u
#define AREAS      2u

/* Memory of connections; the first touch of each page is counted. */
static struct {
    u8 *from;
    size_t bytes;
} areas[AREAS];
static volatile u32 touched;

static void on_touch(int signal, siginfo_t *info, void *context)
{
    u8 *page = (u8 *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE_BYTES - 1));

    (void)signal, (void)context;
    for (u32 i = 0; i < AREAS; i++) {
        if (page < areas[i].from || page >= areas[i].from + areas[i].bytes)
            continue;
        touched++;
        mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE);
        return;
    }
    abort();
}

static void watch(u32 i, void *from, size_t bytes)
{
    uintptr_t first = ((uintptr_t)from + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
    uintptr_t end = ((uintptr_t)from + bytes) & ~(uintptr_t)(PAGE_BYTES - 1);

    areas[i].from = (u8 *)first;
    areas[i].bytes = end - first;
    assert_int_equal(mprotect(areas[i].from, areas[i].bytes, PROT_NONE), 0);
}

/* A connection from `port`; the numbers to go on with are left in the script. */
static void open_from(struct script *s, u16 port)
{
    struct script_seg seg = {.src_port = port, .flags = TCP_SYN, .seq = 1000, .window = 65535};
    struct script_seg a;

    script_in(s, &seg);
    assert_true(script_out(s, &a));
    seg = (struct script_seg){
        .src_port = port, .flags = TCP_ACK, .seq = 1001, .ack = a.seq + 1, .window = 65535};
    script_in(s, &seg);
    s->peer_seq = 1001;
    s->peer_ack = a.seq + 1;
    script_clear(s);
}

/* All that one connection can do, and a newcomer, a stranger, and a long time. */
static void live_one_life(struct script *s, u16 port)
{
    struct script_seg seg = {
        .src_port = port, .flags = TCP_ACK, .ack = s->peer_ack, .window = 65535};
    u64 conn = s->conn;

    for (u32 i = 0; i < 20; i++) { /* orders and replies; every other reply is lost for a while */
        seg.seq = s->peer_seq + 10 * i;
        seg.data = "0123456789";
        seg.len = 10;
        seg.ack = i % 2 == 0 ? seg.ack : s->peer_ack + 5 * i;
        script_in(s, &seg);
        net_send(s->net, conn, "reply", 5);
        script_run(s, 100 * NS_PER_MS);
        script_clear(s);
    }
    open_from(s, (u16)(port + 1));
    script_in(s, &(struct script_seg){.src_port = 9, .flags = TCP_ACK, .seq = 1, .ack = 2});
    net_close(s->net, s->conn, NET_RESET);
    net_close(s->net, conn, NET_FINISH);
    script_run_steps(s, 200 * NS_PER_SEC, 10 * NS_PER_MS); /* nobody answers: it is given up */
    script_clear(s);
}

/*
 * With 4,000 idle connections the memory of the others is not touched by anything that happens to
 * one, but for a few that lie beside it or behind it in the hash table.
 */
static void nobody_walks(void **state)
{
    struct sigaction on = {.sa_sigaction = on_touch, .sa_flags = SA_SIGINFO}, before;
    struct net_conf conf;
    struct script s;

    (void)state;
    script_conf(&conf);
    conf.conns_max = MANY + 16;
    conf.keepalive_idle_ns = 0; /* each has its own timer, and its own look at it */
    script_init(&s, &conf);
    s.no_check = true; /* that walks them all */
    for (u32 i = 0; i < MANY; i++)
        open_from(&s, (u16)(1000 + i));
    script_run_steps(&s, 5 * NS_PER_SEC, NS_PER_MS); /* until the SYN|ACKs' timers are through */
    assert_int_equal(net_conns(s.net), MANY);
    u64 used = s.mem.used_bytes;
    assert_int_equal(sigaction(SIGSEGV, &on, &before), 0);
    watch(0, s.net->conns, (size_t)conf.conns_max * sizeof *s.net->conns);
    watch(1, s.net->links, (size_t)conf.conns_max * sizeof *s.net->links);
    touched = 0;
    live_one_life(&s, 1000 + MANY - 1);
    u32 pages = touched;
    for (u32 i = 0; i < AREAS; i++)
        assert_int_equal(mprotect(areas[i].from, areas[i].bytes, PROT_READ | PROT_WRITE), 0);
    sigaction(SIGSEGV, &before, NULL);
    assert_int_equal(net_conns(s.net), MANY - 1);
    assert_in_range(pages, 1, 12); /* of 900 */
    assert_int_equal(s.mem.used_bytes, used);
    assert_true(used <= net_bytes(&conf));
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ttl_and_diffserv),  cmocka_unit_test(only_unicast),
        cmocka_unit_test(another_way_at_r1), cmocka_unit_test(one_ack_a_turn),
        cmocka_unit_test(looked_at),         cmocka_unit_test(idle_memory),
        cmocka_unit_test(nobody_walks),      cmocka_unit_test(two_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
