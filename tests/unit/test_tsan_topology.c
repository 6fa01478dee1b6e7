/*
 * test_tsan_topology.c - the whole process with each agent on a thread of its own: three gateways,
 * kernel sockets, a real directory, an export, metrics and log, as main starts and ends them.
 * Clients log in again and again, each time through another gateway, trade and have all replayed.
 * For TSan above all; it also shows that each order is answered once, that a replay gives the same
 * bytes, and that clients, engine, export and a recovery know the same open orders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/crc32c.h"
#include "engine/base/log.h"
#include "gateway/client/wb_client.h"
#include "gateway/socket.h"
#include "gateway/topology.h"
#include "persist/uring.h"
#include "tests/lib/fake_sink.h"
#include "tests/lib/quick_auth.h"
#include "tests/lib/memory_policy.h"

#define TRADERS     4u
#define GATEWAYS    3u
#define REFS_MAX    8192u
#define MESSAGES    32768u
#define PRICE       (150 * WB_PRICE_ONE)
#define PATIENCE_NS (50 * NS_PER_SEC)

/* One account, as its client sees it. */
struct trader {
    struct wb_client *client;
    struct wb_login login;
    bool live, lost;
    bool queried;       /* an account query was answered: behind all that came before */
    u32 sent;           /* orders; their numbers are 1..sent */
    u32 answered;       /* the highest number that was answered */
    u32 open[REFS_MAX]; /* shares, by order number */
    u64 seen;           /* messages */
    u32 crcs[MESSAGES];
};

/* What there is of a process. */
struct venue {
    char dir[256], metrics[300];
    struct mem mem;
    struct topology topology;
    struct topology_world world;
    struct fake_far far;
    struct fake_sink sink;
    struct agent quick_auth, log;
    struct agent_thread threads[TOPOLOGY_AGENTS_MAX + 2];
    u32 threads_used;
    u16 ports[GATEWAYS];
};

static struct venue venue;
static struct mem log_mem; /* the log keeps its rings */
static struct trader traders[TRADERS];
static struct refdata_instrument instruments[] = {
    {.symbol = "AAPL    ", .tick = 100, .lot = 100, .reference_price = PRICE},
};
static struct refdata_account accounts[TRADERS];
static struct refdata refs = {
    .instruments = instruments,
    .instruments_used = ARRAY_LEN(instruments),
    .accounts = accounts,
    .accounts_used = TRADERS,
};

/* ---- the process ---- */

static u64 pass_time(void *ctx)
{
    (void)ctx;
    clock_sleep_ns(50 * NS_PER_US);
    return clock_now_ns();
}

static struct auth *real_auth(void)
{
    struct auth_conf conf = {.users_max = TRADERS, .waiting_max = TRADERS};
    struct auth *a = auth_new(&conf);
    char hash[AUTH_HASH_BYTES];

    assert_non_null(a);
    assert_true(auth_hash("SECRET", hash));
    for (u32 i = 0; i < TRADERS; i++)
        assert_true(auth_user_set(a, accounts[i].user, hash));
    return a;
}

static void conf_init(struct topology_conf *c, const struct venue *v)
{
    topology_conf_defaults(c);
    c->journal_id = 1;
    c->process_id = clock_now_ns();
    c->gateways = GATEWAYS;
    c->engine.accounts_max = 2 * TRADERS;
    c->engine.instruments_max = 4;
    c->engine.orders_max = TRADERS * REFS_MAX;
    c->gateway.connections_max = 4 * TRADERS;
    c->gateway.store_chunks = 2; /* what is older is replayed from the journal */
    c->persist.segment_bytes = 1 << 18;
    c->persist.space_low_bytes = 1 << 20;
    c->persist.space_hard_bytes = 1 << 19;
    c->admin.metrics_file = v->metrics;
    c->admin.metrics_interval_ns = 5 * NS_PER_MS;
    c->nodes.gateways[0] = 0; /* every machine has it */
}

static void venue_build(struct venue *v)
{
    struct topology_conf conf;
    struct why why;

    conf_init(&conf, v);
    v->world.disk = uring_new(v->dir, &why);
    assert_non_null(v->world.disk);
    assert_int_equal(v->world.disk->ops->lock(v->world.disk), 0);
    fake_sink_init(&v->sink, &v->far, 0, 64);
    v->world.sinks[0] = (struct topology_sink){"far", &v->sink.sink, NS_PER_MS};
    v->world.sinks_used = 1;
    v->world.pass_time = pass_time;
    assert_int_equal(topology_build(&v->topology, &conf, &v->world, clock_now_ns()), 0);
    assert_int_equal(memory_node(v->topology.gateways[0]), memory_policies() ? 0 : -1);
    assert_int_equal(memory_node(v->topology.engine), -1);
}

static void venue_free(struct venue *v)
{
    topology_free(&v->topology);
    fake_sink_free(&v->sink);
    v->world.disk->ops->free(v->world.disk);
}

static void thread_add(struct venue *v, struct agent *a, enum idle_strategy idle)
{
    struct agent_thread *t = &v->threads[v->threads_used++];

    agent_thread_init(t, a->name, -1, idle);
    t->log_ring = log_ring_new(&log_mem, a->name);
    assert_non_null(t->log_ring);
    agent_thread_add(t, a);
}

/* Every agent for itself: the most that a config can ask for. */
static void threads_start(struct venue *v)
{
    struct topology *t = &v->topology;

    for (u32 i = 0; i < t->agents_used; i++) {
        const char *name = t->agents[i].name;
        bool hot = strncmp(name, "gateway", 7) == 0 || strcmp(name, "engine") == 0 ||
                   strcmp(name, "persist") == 0;
        thread_add(v, &t->agents[i], hot ? IDLE_BACKOFF : IDLE_COLD);
    }
    if (!v->world.auth) {
        agent_init(&v->quick_auth, "quick_auth", quick_auth_do_work, t, 0);
        thread_add(v, &v->quick_auth, IDLE_COLD);
    }
    agent_init(&v->log, "log", log_do_work, NULL, 0);
    thread_add(v, &v->log, IDLE_COLD);
    for (u32 i = 0; i < v->threads_used; i++)
        assert_int_equal(agent_thread_start(&v->threads[i]), 0);
}

static void venue_start(struct venue *v, struct auth *auth)
{
    const char *tmp = getenv("WB_TMP");
    struct socket_conf listen = {
        .listen = {{.ipv4 = htonl(INADDR_LOOPBACK)}},
        .listen_used = 1,
        .connections_max = 4 * TRADERS,
    };
    char error[200] = "";

    memset(v, 0, sizeof *v);
    metrics_reset();
    snprintf(v->dir, sizeof v->dir, "%s/wb-topology-XXXXXX", tmp ? tmp : "/var/tmp");
    assert_non_null(mkdtemp(v->dir));
    snprintf(v->metrics, sizeof v->metrics, "%s/metrics", v->dir);
    mem_init(&v->mem, 0);
    fake_far_init(&v->far, 1);
    v->far.latency_max_ns = NS_PER_MS;
    v->world.auth = auth;
    for (u32 g = 0; g < GATEWAYS; g++) {
        v->world.transports[g] = socket_new(&listen, &v->mem, error, sizeof error);
        if (!v->world.transports[g])
            fail_msg("%s", error);
        v->ports[g] = socket_port(v->world.transports[g], 0);
    }
    venue_build(v);
    assert_int_equal(topology_open(&v->topology, &refs, clock_now_ns()), 0);
    for (u32 g = 0; g < GATEWAYS; g++)
        v->world.transports[g]->ops->accept(v->world.transports[g], TRANSPORT_ALL);
    threads_start(v);
}

/* The orderly end of main. Returns the engine's open orders. */
static u32 venue_stop(struct venue *v)
{
    u64 now_ns;
    u32 open;

    for (u32 i = 0; i < v->threads_used; i++)
        agent_thread_stop(&v->threads[i]);
    assert_false(persist_failed(v->topology.persist));
    now_ns = clock_now_ns();
    assert_true(topology_close(&v->topology, now_ns, now_ns + PATIENCE_NS));
    assert_int_equal(v->far.mark.seq, engine_seq(v->topology.engine));
    assert_true(access(v->metrics, R_OK) == 0);
    open = engine_open_orders(v->topology.engine);
    venue_free(v);
    return open;
}

/* What a new process on the same directory begins with. */
static u32 venue_recover(struct venue *v)
{
    u32 open;

    venue_build(v);
    open = engine_open_orders(v->topology.engine);
    venue_free(v);
    return open;
}

static void venue_end(struct venue *v)
{
    char command[300];

    for (u32 g = 0; g < GATEWAYS; g++)
        socket_free(v->world.transports[g]);
    fake_far_free(&v->far);
    mem_free_all(&v->mem);
    snprintf(command, sizeof command, "rm -rf '%s'", v->dir);
    assert_int_equal(system(command), 0);
}

/* ---- the clients ---- */

static void order_answered(struct trader *t, const struct wb_msg *m, u32 open)
{
    assert_int_equal(m->user_ref, t->answered + 1); /* each once, in order */
    t->answered++;
    t->open[m->user_ref] = open;
}

static void learn(struct trader *t, const struct wb_msg *m)
{
    switch (m->type) {
    case 'A':
        order_answered(t, m, m->state == 'L' ? m->qty : 0);
        break;
    case 'J':
        order_answered(t, m, 0);
        break;
    case 'C':
    case 'E':
        assert_in_range(m->user_ref, 1, t->answered);
        assert_true(t->open[m->user_ref] >= m->qty);
        t->open[m->user_ref] -= m->qty;
        break;
    case 'Q':
        t->queried = true;
        break;
    default:
        assert_int_equal(m->type, 'S');
    }
}

/* New ones are learnt, those that were replayed are compared. */
static void message(struct trader *t, const struct wb_event *ev)
{
    u32 crc = crc32c(0, ev->raw, ev->raw_bytes);

    assert_in_range(ev->seq, 1, MESSAGES - 1);
    if (ev->seq <= t->seen) {
        assert_int_equal(t->crcs[ev->seq], crc);
        return;
    }
    assert_int_equal(ev->seq, ++t->seen);
    t->crcs[ev->seq] = crc;
    learn(t, &ev->msg);
}

static void poll_one(struct trader *t)
{
    struct wb_event ev;
    enum wb_kind kind;

    if (t->lost)
        return;
    while ((kind = wb_client_poll(t->client, clock_now_ns(), &ev)) != WB_NOTHING) {
        if (kind == WB_LOGGED_IN)
            t->live = true;
        else if (kind == WB_MESSAGE)
            message(t, &ev);
        else if (kind == WB_LOST)
            t->lost = true;
        else if (kind != WB_ENDED)
            fail_msg("%s: event %d %s", t->login.user, kind, ev.why ? ev.why : "");
        if (t->lost)
            return;
    }
}

static bool is_live(const struct trader *t)
{
    assert_false(t->lost);
    return t->live;
}

static bool is_settled(const struct trader *t)
{
    assert_false(t->lost);
    return t->answered == t->sent && wb_client_next_seq(t->client) == t->seen + 1;
}

static bool is_queried(const struct trader *t)
{
    assert_false(t->lost);
    return t->queried;
}

static bool is_lost(const struct trader *t)
{
    return t->lost;
}

static void wait_until(bool (*done)(const struct trader *t))
{
    u64 end_ns = clock_now_ns() + PATIENCE_NS;

    for (;;) {
        u32 all = 0;
        for (u32 i = 0; i < TRADERS; i++) {
            poll_one(&traders[i]);
            all += done(&traders[i]);
        }
        if (all == TRADERS)
            return;
        assert_true(clock_now_ns() < end_ns);
        clock_sleep_ns(100 * NS_PER_US);
    }
}

static void traders_init(void)
{
    memset(traders, 0, sizeof traders);
    for (u32 i = 0; i < TRADERS; i++) {
        struct trader *t = &traders[i];
        t->client = wb_client_new();
        t->login.version = WB_SOUP_3_00;
        snprintf(t->login.user, sizeof t->login.user, "THRD%02u", i);
        snprintf(t->login.password, sizeof t->login.password, "SECRET");
        memcpy(accounts[i].user, t->login.user, 6);
        memcpy(accounts[i].firm, "FIRM", 4);
        accounts[i].enabled = true;
    }
}

/* From 1 or from where the stream stopped, through another gateway than in the round before. */
static void log_in(bool from_1, u32 round)
{
    for (u32 i = 0; i < TRADERS; i++) {
        struct trader *t = &traders[i];
        if (t->live && !t->lost)
            wb_client_close(t->client);
        t->live = t->lost = false;
        t->login.seq = from_1 ? 1 : t->seen + 1;
        assert_null(wb_client_connect(t->client, "127.0.0.1", venue.ports[(i + round) % GATEWAYS],
                                      &t->login, clock_now_ns()));
    }
    wait_until(is_live);
}

/* Some buy and some sell, at prices that often cross; every third order before is cancelled. */
static void trade(u32 orders, u32 round)
{
    for (u32 k = 0; k < orders; k++) {
        for (u32 i = 0; i < TRADERS; i++) {
            struct trader *t = &traders[i];
            struct wb_enter e;
            char side = (i + k + round) % 2 ? 'B' : 'S';
            u64 away = (k % 5) * 100;
            wb_enter_init(&e, ++t->sent, side, 100 + 10 * k, "AAPL",
                          side == 'B' ? PRICE + 200 - away : PRICE + away);
            assert_in_range(t->sent, 1, REFS_MAX - 1);
            assert_true(wb_client_enter(t->client, &e));
            if (k % 3 == 2)
                assert_true(wb_client_cancel(t->client, t->sent - 1, 0));
            poll_one(t);
        }
    }
    wait_until(is_settled);
}

/* In order, or without a word in mid-flow of what the others did to one's orders. */
static void log_out(bool orderly)
{
    for (u32 i = 0; i < TRADERS; i++) {
        if (orderly) {
            wb_client_logout(traders[i].client, clock_now_ns());
        } else {
            wb_client_close(traders[i].client);
            traders[i].lost = true;
        }
    }
    wait_until(is_lost);
}

static u32 traders_open(void)
{
    u32 n = 0;

    for (u32 i = 0; i < TRADERS; i++)
        for (u32 ref = 1; ref <= traders[i].sent; ref++)
            n += traders[i].open[ref] > 0;
    return n;
}

static void days_work(struct auth *auth, u32 rounds, u32 orders)
{
    u32 open;

    venue_start(&venue, auth);
    for (u32 round = 0; round < rounds; round++) {
        log_in(round % 2 == 0, round);
        trade(orders, round);
        if (round + 1 < rounds && round % 4 != 1) /* else the next login closes this connection */
            log_out(round % 3 != 0);
    }
    log_out(true);
    log_in(true, rounds); /* nothing that happened meanwhile is missed */
    for (u32 i = 0; i < TRADERS; i++)
        assert_true(wb_client_query(traders[i].client));
    wait_until(is_queried);
    open = traders_open();
    assert_true(open > 0 && open < TRADERS * traders[0].sent);
    assert_true(metrics_sum("wirebook_gateway_stores_joined_total") >= TRADERS * (rounds - 1));
    assert_int_equal(venue_stop(&venue), open);
    venue.world.auth = NULL;
    assert_int_equal(venue_recover(&venue), open);
    venue_end(&venue);
    for (u32 i = 0; i < TRADERS; i++)
        wb_client_free(traders[i].client);
}

static void logins_test(void **state)
{
    const char *count = getenv("WB_COUNT");
    (void)state;

    traders_init();
    days_work(NULL, count ? (u32)strtoul(count, NULL, 0) : 50, 12);
}

static void password_test(void **state)
{
    (void)state;
    traders_init();
    struct auth *auth = real_auth();
    days_work(auth, 2, 30);
    auth_free(auth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logins_test),
        cmocka_unit_test(password_test),
    };

    clock_init();
    mem_init(&log_mem, 0);
    log_level_set(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
