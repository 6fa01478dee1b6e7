/* session_rig.c - a gateway's surroundings, played in one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/session_rig.h"

#include "engine/base/log.h"
#include "gateway/session/bytes.h"
#include "gateway/session/ouch5.h"

struct rig_conf rig_conf_usual(void)
{
    return (struct rig_conf){
        .store_chunks = 8,
        .cmd_slots = CMD_RING_SLOTS,
        .ring_slots = EVENT_RING_SLOTS,
        .orders_max = 100000,
        .slow_timeout_ns = 10 * NS_PER_SEC,
    };
}

/* ---- the venue ---- */

void rig_venue(struct rig *r, const union msg *m)
{
    assert_true(ring_push(&r->venue, m, m->cmd.slots));
}

static union msg venue_command(u8 type)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.cmd.type = type;
    m.cmd.slots = (u8)msg_type_slots(type);
    return m;
}

void rig_day_end(struct rig *r)
{
    union msg m = venue_command(CMD_DAY_END);

    rig_venue(r, &m);
}

void rig_day_open(struct rig *r, u32 day, u64 midnight_ns)
{
    union msg m = venue_command(CMD_DAY_OPEN);

    m.day.day = day;
    m.day.midnight_ns = midnight_ns;
    rig_venue(r, &m);
}

void rig_account(struct rig *r, const char *user, const char *firm)
{
    union msg m = venue_command(CMD_ACCOUNT);

    memcpy(m.account.user, user, 6);
    memcpy(m.account.firm, firm, 4);
    rig_venue(r, &m);
}

void rig_instrument(struct rig *r, const char *symbol, u32 reference_price)
{
    union msg m = venue_command(CMD_INSTRUMENT);

    memcpy(m.instrument.symbol, symbol, 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.reference_price = reference_price;
    rig_venue(r, &m);
}

static void add_instrument(struct rig *r, const char *symbol)
{
    rig_instrument(r, symbol, 1500000);
    gateway_instrument_add(r->gateway, 0, symbol, 1500000);
}

void rig_checks(struct rig *r, const char *user, const struct risk_limits *l)
{
    union msg m = venue_command(CMD_CHECKS);

    memcpy(m.checks.user, user, sizeof m.checks.user);
    m.checks.qty_max = l->qty_max;
    m.checks.notional_max = l->notional_max;
    m.checks.collar_bps = (u16)l->collar_bps;
    rig_venue(r, &m);
}

void rig_listed(struct rig *r, const char *user, const char *symbol, u8 kind, bool listed)
{
    union msg m = venue_command(CMD_LISTED);

    memcpy(m.listed.user, user, sizeof m.listed.user);
    memcpy(m.listed.symbol, symbol, sizeof m.listed.symbol);
    m.listed.kind = kind;
    m.listed.scope = LIST_ACCOUNT;
    m.listed.listed = listed;
    rig_venue(r, &m);
}

static void open_venue(struct rig *r)
{
    struct risk_limits bob = {.qty_max = 1000, .notional_max = 1000000000ull, .collar_bps = 1000};
    union msg m = venue_command(CMD_START);

    m.start.epoch = 1;
    rig_venue(r, &m);
    rig_account(r, "ALICE ", "FIRM");
    rig_account(r, "BOB   ", "FIRM");
    rig_account(r, "CAROL ", "FIRM");
    rig_account(r, "DAVE  ", "ELSE");
    rig_account(r, "COPY  ", "FIRM");
    rig_account(r, "EVERY ", "ELSE");
    gateway_account_copy(r->gateway, "COPY  ", READER_FIRM);
    gateway_account_copy(r->gateway, "EVERY ", READER_ALL);
    rig_checks(r, "BOB   ", &bob);
    add_instrument(r, "AAPL    ");
    add_instrument(r, "MSFT    ");
    rig_listed(r, "BOB   ", "MSFT    ", LIST_RESTRICTED, true);
    rig_day_open(r, RIG_DAY, RIG_MIDNIGHT_NS);
    rig_turns(r, 4);
}

/* ---- the rig ---- */

static void make_rings(struct rig *r, const struct rig_conf *conf)
{
    ring_init(&r->cmd, &r->mem, "cmd", conf->cmd_slots);
    ring_init(&r->venue, &r->mem, "venue", 64);
    ring_init(&r->events, &r->mem, "events", conf->ring_slots);
    ring_init(&r->tx, &r->mem, "tx", conf->ring_slots);
    ring_init(&r->auth_requests, &r->mem, "auth requests", 4);
    ring_init(&r->auth_answers, &r->mem, "auth answers", 4);
    ring_init(&r->reader_requests, &r->mem, "reader requests", 8);
    ring_init(&r->reader_answers, &r->mem, "reader answers", REPLAY_RING_SLOTS);
}

static void make_engine(struct rig *r, const struct rig_conf *rc)
{
    struct engine_conf conf = {
        .accounts_max = 8, .instruments_max = 8, .orders_max = rc->orders_max, .gateways = 1};
    struct engine_rings rings = {.cmd = {&r->cmd, &r->venue},
                                 .cmd_used = 2,
                                 .events = {&r->events},
                                 .events_used = 1,
                                 .tx = &r->tx};

    r->engine = engine_new(&conf, &r->mem);
    engine_attach(r->engine, &rings);
}

static void make_gateway(struct rig *r, const struct rig_conf *conf)
{
    struct gateway_conf gc;
    struct gateway_rings rings = {
        .cmd = &r->cmd,
        .events = &r->events,
        .auth_requests = &r->auth_requests,
        .auth_answers = &r->auth_answers,
        .reader_requests = conf->no_reader ? NULL : &r->reader_requests,
        .reader_answers = conf->no_reader ? NULL : &r->reader_answers,
        .durable_seq = &r->durable,
        .space_level = &r->space,
        .stores = &r->stores,
        .rates = &r->rates,
    };

    gateway_conf_defaults(&gc);
    gc.shard = 7;
    gc.connections_max = conf->connections_max != 0 ? conf->connections_max : WIRE_CLIENTS_MAX;
    gc.accounts_max = 8;
    gc.instruments_max = 8;
    gc.listeners[RIG_PROXY].proxy_v2 = true;
    gc.listeners[RIG_HEALTH].health = true;
    gc.listeners[RIG_OUCH42].dialect = DIALECT_OUCH42;
    gc.listeners[0].tcp = 9000;
    gc.listeners[RIG_TERMS].tcp = 9004;
    gc.listeners[RIG_TERMS].terms = (struct port_terms)RIG_PORT_TERMS;
    gc.listeners_used = 5;
    gc.tokens_max = 64;
    gc.tokens_quota = 40;
    gc.balancers[0] = (struct lobby_network){.ipv4 = 0x0000007f, .mask = 0x000000ff};
    gc.balancers[1] = (struct lobby_network){.ipv4 = 0x00004e0a, .mask = 0x0000ffff};
    gc.balancers_used = 2;
    gc.drain_says_end = conf->says_end;
    store_memory_init(&r->stores, &r->mem, gc.accounts_max, conf->store_chunks, 1,
                      UNDURABLE_SLOTS_MIN);
    rates_memory_init(&r->rates, &r->mem, gc.accounts_max, RIG_WATCHED, 5);
    gc.slow_timeout_ns = conf->slow_timeout_ns;
    if (conf->limits) {
        gc.guests_per_source = 2;
        gc.rate_reject_per_s = 100;
        gc.rate_stop_per_s = 200;
    }
    r->gateway = gateway_new(&gc, &rings, r->wire->transport, &r->mem);
}

void rig_open(struct rig *r, struct wire *wire, const struct rig_conf *conf)
{
    log_level_set(LOG_ERROR);
    memset(r, 0, sizeof *r);
    mem_init(&r->mem, 0);
    r->wire = wire;
    r->now_ns = RIG_MIDNIGHT_NS + 9 * 3600 * NS_PER_SEC;
    make_rings(r, conf);
    make_engine(r, conf);
    make_gateway(r, conf);
    open_venue(r);
    mem_seal(&r->mem);
    wire->transport->ops->accept(wire->transport, TRANSPORT_ALL);
}

void rig_close(struct rig *r)
{
    r->hold_auth = r->hold_durable = r->hold_engine = r->hold_reader = false;
    gateway_shutdown(r->gateway);
    rig_expect_sessions(r, 0);
    gateway_check(r->gateway);
    engine_check(r->engine);
    r->wire->free(r->wire);
    free(r->log);
    metrics_reset();
    mem_free_all(&r->mem);
}

static void play_auth(struct rig *r)
{
    while (!r->hold_auth && ring_avail(&r->auth_requests, 1) > 0) {
        struct auth_request q;
        struct auth_answer a = {0};
        memcpy(&q, ring_at(&r->auth_requests, 0), sizeof q);
        ring_take(&r->auth_requests, 1);
        a.conn = q.conn;
        a.result = memcmp(q.password, "SECRET    ", 10) == 0   ? AUTH_OK
                   : memcmp(q.password, "LIMITED   ", 10) == 0 ? AUTH_LIMITED
                                                               : AUTH_BAD;
        assert_true(ring_push(&r->auth_answers, &a, 1));
    }
}

static void keep(struct rig *r, const union msg *m)
{
    if (m->ev.type == EV_DAY_OPENED) {
        r->day = m->day.day;
        r->day_log = r->log_used;
    }
    if (msg_is_command(m->ev.type) || m->ev.session_seq == 0)
        return;
    if (r->log_used == r->log_max) {
        r->log_max = r->log_max == 0 ? 1024 : 2 * r->log_max;
        r->log = realloc(r->log, r->log_max * sizeof r->log[0]);
        assert_non_null(r->log);
    }
    memcpy(&r->log[r->log_used++], m, m->ev.slots * sizeof(struct slot));
}

/* What the engine has done is durable at once, unless that is held or slow. */
static void play_persist(struct rig *r)
{
    const union msg *m;
    union msg copy;

    while (!r->hold_durable && (m = msg_peek(&r->tx, &copy)) != NULL) {
        u32 n = m->cmd.slots;
        bool end = (m->ev.flags & MSG_TX_END) != 0;
        keep(r, m);
        if (end)
            atomic_store(&r->durable, m->cmd.seq);
        ring_take(&r->tx, n);
        if (end && r->slow_durable)
            break;
    }
}

/* Does an account that reads with `scope` read what is said to `of`? */
static bool reads(u32 account, u8 scope, u32 of)
{
    if (scope == READER_FIRM)
        return of != DAVE && of != EVERY;
    return scope == READER_ALL || of == account;
}

/* The message of that number in what an account reads today; NULL: there is none. */
static const union msg *kept(const struct rig *r, u32 account, u8 scope, u64 number)
{
    for (u32 i = r->day_log; i < r->log_used; i++)
        if (reads(account, scope, r->log[i].ev.account) && --number == 0)
            return &r->log[i];
    return NULL;
}

static void push_old(struct rig *r, const struct reader_request *q, struct reader_answer *a,
                     bool count_only)
{
    u64 number = 0;

    for (u32 i = r->day_log; i < r->log_used && a->count < q->count; i++) {
        const union msg *m = &r->log[i];
        if (!reads(q->account, q->scope, m->ev.account) || ++number < q->from_seq)
            continue;
        if (!count_only)
            ring_put(&r->reader_answers, m, m->ev.slots);
        a->count++;
        a->slots += m->ev.slots;
    }
}

/* What the reader says of a stream when it has no messages to send of it. */
static void none(const struct rig *r, const struct reader_request *q, struct reader_answer *a)
{
    a->status = r->reader_behind ? READER_NOT_YET : READER_NONE;
    for (a->next_seq = 1; kept(r, q->account, q->scope, a->next_seq) != NULL;)
        a->next_seq++;
}

static void play_reader(struct rig *r)
{
    while (!r->hold_reader && ring_avail(&r->reader_requests, 1) > 0) {
        struct reader_request q;
        memcpy(&q, ring_at(&r->reader_requests, 0), sizeof q);
        ring_take(&r->reader_requests, 1);
        assert_true(q.count <= READER_COUNT_MAX);
        assert_int_equal(q.day, r->day);
        struct reader_answer a = {.conn = q.conn,
                                  .from_seq = q.from_seq,
                                  .account = q.account,
                                  .day = q.day,
                                  .gateway = q.gateway,
                                  .status = READER_OK,
                                  .scope = q.scope};
        push_old(r, &q, &a, true);
        if (a.count == 0)
            none(r, &q, &a);
        assert_true(a.count > 0 || q.scope != READER_ACCOUNT);
        assert_true(ring_room(&r->reader_answers, 1 + a.slots) >= 1 + a.slots);
        ring_put(&r->reader_answers, &a, 1);
        a.count = a.slots = 0;
        push_old(r, &q, &a, false);
        ring_publish(&r->reader_answers);
    }
}

void rig_turn(struct rig *r)
{
    u64 before = r->cmd.head_own;

    gateway_do_work(r->gateway, r->now_ns);
    play_auth(r);
    if (!r->hold_engine)
        engine_do_work(r->engine, r->now_ns);
    r->commands += r->cmd.head_own - before;
    play_persist(r);
    play_reader(r);
}

void rig_turns(struct rig *r, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        r->wire->settle(r->wire);
        r->now_ns += 1000;
        rig_turn(r);
    }
}

void rig_pass(struct rig *r, u64 ns)
{
    u64 end = r->now_ns + ns;

    while (r->now_ns < end) {
        r->now_ns = min_u64(end, r->now_ns + NS_PER_MS);
        rig_turn(r);
    }
}

void rig_expect_sessions(struct rig *r, u32 n)
{
    for (u32 i = 0; i < 5000 && gateway_sessions(r->gateway) != n; i++)
        rig_turns(r, 1);
    assert_int_equal(gateway_sessions(r->gateway), n);
}

u64 rig_stream(const struct rig *r, u32 account)
{
    return engine_next_session_seq(r->engine, account) - 1;
}

static u32 encode(const struct rig *r, const union msg *m, u8 *out)
{
    const char *symbol = "        ";

    if (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED)
        symbol = engine_instrument(r->engine, m->order.instrument)->symbol;
    return ouch5_encode(m, symbol, RIG_MIDNIGHT_NS, out);
}

u32 rig_expected(const struct rig *r, u32 account, u64 seq, u8 *out)
{
    for (u32 i = r->log_used; i-- > 0;) { /* the last one: of the current day */
        const union msg *m = &r->log[i];
        if (m->ev.account == account && m->ev.session_seq == seq)
            return encode(r, m, out);
    }
    fail_msg("account %u has no message %llu", account, (unsigned long long)seq);
    return 0;
}

u32 rig_expected_copy(const struct rig *r, u32 account, u64 number, u8 *out)
{
    static const char users[] = "      ALICE BOB   CAROL DAVE  COPY  EVERY LATE  ";
    const union msg *m = kept(r, account, account == COPY ? READER_FIRM : READER_ALL, number);

    if (m == NULL)
        return 0;
    memcpy(out, users + 6 * m->ev.account, 6);
    put_be64(out + 6, m->ev.session_seq);
    return 14 + encode(r, m, out + 14);
}
