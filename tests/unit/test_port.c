/*
 * test_port.c - DPDK ports over virtual devices that need no hardware and no root: net_ring, which
 * gives back what it was sent, and two ends of one shared memory interface (net_memif).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/metrics.h"
#include "gateway/port.h"
#include "gateway/port_impl.h"

#define WAIT_NS (5 * NS_PER_SEC)

static struct mem mem;
static char error[512];

static struct port *open_port(const char *device, u16 queues)
{
    struct port_conf conf = {.device = device, .queues = queues};
    struct port *p = port_open(&conf, &mem, error, sizeof error);

    if (p == NULL)
        fail_msg("%s", error);
    return p;
}

/* A frame of `n` bytes whose every byte follows from `mark`. */
static bool send_frame(struct port *p, u32 n, u8 mark)
{
    struct packet packet = {0};

    if (!port_alloc(port_queue(p, 0), &packet))
        return false;
    assert_true(packet.room >= PACKET_FRAME_BYTES(port_mtu(p)));
    memset(packet.data, mark, n);
    packet.len = n;
    port_transmit(port_queue(p, 0), &packet);
    return true;
}

static void assert_frame(const struct packet *p, u32 n, u8 mark)
{
    assert_int_equal(p->len, n);
    for (u32 i = 0; i < n; i++)
        assert_int_equal(p->data[i], mark);
}

/* Ticks `p` until its link is up. */
static void wait_for_link(struct port *p, bool up)
{
    u64 end_ns = clock_now_ns() + WAIT_NS;

    while (port_link_up(p) != up) {
        p->looked_ns = 0;
        port_tick(p, clock_now_ns());
        assert_true(clock_now_ns() < end_ns);
        clock_sleep_ns(NS_PER_MS);
    }
}

static void frames_come_back(void **state)
{
    struct port *p = open_port("net_ring0", 1);
    struct port_queue *q = port_queue(p, 0);
    struct packet in[PORT_RX_BURST];

    (void)state;
    assert_string_equal(port_name(p), "net_ring0");
    assert_true(port_mtu(p) >= 1500);
    assert_int_equal(port_tx_cksum(p), 0);
    assert_int_equal(port_receive(q, in), 0);
    port_release(q);
    for (u8 i = 1; i <= 3; i++)
        assert_true(send_frame(p, 60u + i, i));
    assert_int_equal(port_receive(q, in), 0); /* not before the flush */
    port_release(q);
    assert_int_equal(port_flush(q), 3);
    assert_int_equal(port_flush(q), 0);
    assert_int_equal(port_receive(q, in), 3);
    for (u8 i = 1; i <= 3; i++)
        assert_frame(&in[i - 1], 60u + i, i);
    port_release(q);
    port_close(p);
}

/*
 * A batch that is full goes to the device by itself; what the device has no room for is counted,
 * and what it took comes in order: all but the one batch that was dropped, then the frame after
 * it.
 */
static void a_full_device_drops(void **state)
{
    struct port *p = open_port("net_ring1", 1);
    struct port_queue *q = port_queue(p, 0);
    struct packet in[PORT_RX_BURST];
    u32 sent = 0, got = 0, n;

    (void)state;
    while (metric_get(&q->tx_dropped) == 0 && send_frame(p, 60, (u8)sent))
        sent++;
    assert_int_equal(metric_get(&q->tx_dropped), PORT_TX_BATCH);
    assert_true(sent > PORT_TX_BATCH);
    while ((n = port_receive(q, in)) > 0) {
        for (u32 i = 0; i < n; i++, got++)
            assert_frame(&in[i], 60, (u8)(got + PORT_TX_BATCH == sent - 1 ? sent - 1 : got));
        port_release(q);
        port_flush(q);
    }
    assert_int_equal(got + PORT_TX_BATCH, sent);
    assert_int_equal(metric_get(&q->rx_frames), got);
    assert_int_equal(metric_get(&q->tx_frames), got);
    port_close(p);
}

/* What is left of a batch that the device took only a part of goes out next, in order. */
static void a_part_of_a_batch_waits(void **state)
{
    struct port *p = open_port("net_ring6", 1);
    struct port_queue *q = port_queue(p, 0);
    struct packet in[PORT_RX_BURST];
    u32 sent = 0, got = 0, n;

    (void)state;
    do {
        for (u32 i = 0; i < 27; i++) /* so that batches do not end where the ring does */
            assert_true(send_frame(p, 60, (u8)sent++));
        port_flush(q);
    } while (q->tx_used == 0);
    assert_true(q->tx_used < 27);
    while ((n = port_receive(q, in)) > 0) {
        for (u32 i = 0; i < n; i++)
            assert_frame(&in[i], 60, (u8)got++);
        port_release(q);
        port_flush(q);
    }
    assert_int_equal(got, sent);
    assert_int_equal(metric_get(&q->tx_dropped), 0);
    port_close(p);
}

static void no_buffer_is_said(void **state)
{
    static struct packet held[16384];
    struct port *p = open_port("net_ring2", 1);
    struct port_queue *q = port_queue(p, 0);
    u32 n = 0;

    (void)state;
    while (n < ARRAY_LEN(held) && port_alloc(q, &held[n]))
        n++;
    assert_true(n < ARRAY_LEN(held));
    assert_int_equal(metric_get(&q->tx_no_buffer), 1);
    for (u32 i = 0; i < n; i++) { /* given away, they are free again */
        held[i].len = 60;
        port_transmit(q, &held[i]);
    }
    port_close(p);
}

/* The agent lets go of a device that is to be reset, and comes back to it. */
static void a_reset_keeps_the_agent_off(void **state)
{
    struct port *p = open_port("net_ring3", 1);
    struct port_queue *q = port_queue(p, 0);
    struct packet in[PORT_RX_BURST];

    (void)state;
    port_tick(p, clock_now_ns());
    atomic_store(&p->reset_wanted, true);
    assert_int_equal(port_tick(p, clock_now_ns()), 1);
    assert_int_equal(q->state, PORT_ASKED);
    assert_int_equal(port_tick(p, clock_now_ns()), 0); /* waits for the agent */
    send_frame(p, 60, 7);
    assert_int_equal(port_receive(q, in), 0);
    assert_int_equal(q->state, PORT_QUIET);
    assert_int_equal(metric_get(&q->tx_dropped), 1);
    send_frame(p, 60, 8);
    assert_int_equal(port_flush(q), 0);
    assert_int_equal(port_tick(p, clock_now_ns()), 1);
    assert_int_equal(metric_get(&p->resets), 1);
    assert_int_equal(q->state, PORT_RUNNING);
    assert_int_equal(port_flush(q), 1);
    assert_int_equal(port_receive(q, in), 1);
    assert_frame(&in[0], 60, 8);
    port_release(q);
    port_close(p);
}

static void shared_memory_joins_two_ports(void **state)
{
    char path[64], device[2][128];
    struct packet in[PORT_RX_BURST];
    u64 end_ns = clock_now_ns() + WAIT_NS;
    u32 n = 0;

    (void)state;
    snprintf(path, sizeof path, "/tmp/wirebook-test-port-%d.sock", (int)getpid());
    snprintf(device[0], sizeof device[0],
             "net_memif0,role=server,id=0,socket=%s,socket-abstract=no", path);
    snprintf(device[1], sizeof device[1],
             "net_memif1,role=client,id=0,socket=%s,socket-abstract=no", path);
    struct port *server = open_port(device[0], 1);
    struct port *client = open_port(device[1], 1);
    assert_memory_not_equal(port_mac(server), port_mac(client), 6);
    wait_for_link(server, true);
    wait_for_link(client, true);
    assert_true(send_frame(client, 1514, 0x5a));
    assert_int_equal(port_flush(port_queue(client, 0)), 1);
    while (n == 0 && clock_now_ns() < end_ns) {
        n = port_receive(port_queue(server, 0), in);
        if (n == 0)
            port_release(port_queue(server, 0));
    }
    assert_int_equal(n, 1);
    assert_frame(&in[0], 1514, 0x5a);
    assert_int_equal(in[0].l4_cksum, PACKET_CKSUM_UNKNOWN);
    port_release(port_queue(server, 0));
    port_close(client);
    wait_for_link(server, false);
    assert_int_equal(metric_get(&server->link_changes), 2);
    port_close(server);
    unlink(path);
}

static void counters_of_the_driver_are_metrics(void **state)
{
    struct port *p = open_port("net_ring4", 1);

    (void)state;
    metrics_reset();
    port_metrics(p, 4);
    assert_true(p->xstats_used >= 4);
    send_frame(p, 60, 1);
    port_flush(port_queue(p, 0));
    assert_int_equal(metrics_sum("wirebook_port_tx_frames_total"), 1);
    assert_int_equal(metrics_sum("wirebook_port_driver"), 0);
    assert_true(port_tick(p, clock_now_ns()) > 0);
    assert_int_not_equal(metrics_sum("wirebook_port_driver"), 0);
    assert_int_equal(port_tick(p, clock_now_ns()), 0); /* once a second */
    metrics_reset();
    port_close(p);
}

/* A device without a hash: our table says whose a flow is. Frames of no flow stay. */
static void flows_have_an_owner(void **state)
{
    struct port *p = open_port("net_ring7", 2);
    u8 frame[60] = {0};
    struct packet packet = {.data = frame, .len = sizeof frame};
    u32 owned[2] = {0};

    (void)state;
    assert_false(port_steers(p));
    assert_int_equal(port_owner(port_queue(p, 1), &packet), 1);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    for (u32 i = 0; i < 256; i++) {
        u32 hash;
        frame[35] = (u8)i; /* source port */
        assert_true(rss_frame_hash(frame, sizeof frame, &hash));
        u32 owner = port_owner(port_queue(p, 0), &packet);
        assert_int_equal(owner, hash % RSS_TABLE % 2);
        assert_int_equal(port_owner(port_queue(p, 1), &packet), owner);
        owned[owner]++;
    }
    assert_true(owned[0] > 80 && owned[1] > 80);
    assert_int_equal(metric_get(&port_queue(p, 0)->rx_misrouted), owned[1]);
    assert_int_equal(metric_get(&port_queue(p, 1)->rx_misrouted), owned[0]);
    port_close(p);
}

/* A device with a table of its own gets ours, and gets it again with each reset. */
static void a_device_with_a_table_gets_ours(void **state)
{
    struct port *p = open_port("net_null0", 2);
    struct packet in[PORT_RX_BURST];
    u16 table[RSS_TABLE_MAX];

    (void)state;
    assert_true(port_steers(p));
    assert_int_equal(p->rss_table_used, 128);
    memcpy(table, p->rss_table, sizeof table);
    atomic_store(&p->reset_wanted, true);
    port_tick(p, clock_now_ns());
    for (u32 q = 0; q < 2; q++)
        assert_int_equal(port_receive(port_queue(p, q), in), 0);
    p->steers = false;
    port_tick(p, clock_now_ns());
    assert_true(port_steers(p));
    assert_memory_equal(table, p->rss_table, sizeof table);
    port_close(p);
}

static void names_of_cards(void **state)
{
    (void)state;
    assert_true(port_is_pci("0000:00:06.0"));
    assert_true(port_is_pci("00:06.0,large_llq_hdr=1,miss_txc_to=5"));
    assert_false(port_is_pci("net_tap0"));
    assert_false(port_is_pci("net_memif0,socket=/tmp/a:b,id=0"));
    assert_false(port_is_pci(""));
}

static void what_is_wrong_is_said(void **state)
{
    struct port_conf unknown = {.device = "net_nonsense0", .queues = 1};
    struct port_conf empty = {.device = "", .queues = 1};
    struct port_conf queues = {.device = "net_ring5", .queues = PORT_QUEUES_MAX};

    (void)state;
    assert_null(port_open(&unknown, &mem, error, sizeof error));
    assert_non_null(strstr(error, "net_nonsense0: DPDK cannot open this device"));
    assert_non_null(strstr(error, "failed to parse device"));
    assert_null(port_open(&empty, &mem, error, sizeof error));
    struct port *p = port_open(&queues, &mem, error, sizeof error);
    if (p != NULL)
        port_close(p); /* as many rings as cores: enough on a big machine */
    else
        assert_non_null(strstr(error, "cannot be started with 16 queues"));
}

static int start(void **state)
{
    struct port_env env = {.memory = PORT_MEMORY_ORDINARY};

    (void)state;
    clock_init();
    mem_init(&mem, 0);
    if (port_start(&env, error, sizeof error))
        return 0;
    fprintf(stderr, "%s\n", error);
    return 1;
}

static int end(void **state)
{
    (void)state;
    port_stop();
    mem_free_all(&mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back),
        cmocka_unit_test(a_full_device_drops),
        cmocka_unit_test(a_part_of_a_batch_waits),
        cmocka_unit_test(no_buffer_is_said),
        cmocka_unit_test(a_reset_keeps_the_agent_off),
        cmocka_unit_test(shared_memory_joins_two_ports),
        cmocka_unit_test(counters_of_the_driver_are_metrics),
        cmocka_unit_test(flows_have_an_owner),
        cmocka_unit_test(a_device_with_a_table_gets_ours),
        cmocka_unit_test(names_of_cards),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, start, end);
}
