/* engine_venue.c - a small venue for tests; see the header. */
#include "tests/lib/engine_venue.h"

static struct engine *new_engine(struct venue *v, u32 orders_max)
{
    struct engine_conf conf = {
        .accounts_max = 4,
        .instruments_max = 3,
        .orders_max = orders_max,
        .gateways = 2,
        .hash_key = {42, v->e != NULL}, /* the shadow has another: nobody may notice */
    };
    return engine_new(&conf, &v->mem);
}

union msg venue_cmd(u8 type, u32 account)
{
    union msg m = {.cmd = {.type = type, .slots = (u8)msg_type_slots(type), .account = account}};
    m.cmd.bind_id = account ? BIND : 0;
    return m;
}

static void follow(struct venue *v)
{
    const char *wrong = engine_apply(v->shadow, v->tx.slots, v->tx.used);

    ASSERT(wrong == NULL);
    ASSERT_EQ(engine_state_hash(v->shadow), engine_state_hash(v->e));
}

static u32 look(struct venue *v)
{
    if (v->made)
        follow(v);
    engine_check(v->e);
    return venue_events(v);
}

u32 venue_send(struct venue *v, union msg *m)
{
    if (m->cmd.bind_id == BIND)
        m->cmd.bind_id = v->e->accounts.at[m->cmd.account].bind_id;
    v->now_ns += 1000;
    v->made = engine_step(v->e, m, v->now_ns, &v->tx);
    return look(v);
}

u32 venue_continue(struct venue *v)
{
    v->now_ns += 1000;
    engine_continue(v->e, v->now_ns, &v->tx);
    v->made = true;
    return look(v);
}

u32 venue_events(const struct venue *v)
{
    u32 n = 0;
    u32 at = v->made ? msg_slots(v->tx.slots) : 0;

    for (; v->made && at < v->tx.used; at += msg_slots(&v->tx.slots[at]))
        n++;
    return n;
}

const union msg *venue_event(const struct venue *v, u32 i)
{
    u32 at = msg_slots(v->tx.slots);

    ASSERT_LT(i, venue_events(v));
    for (; i; i--)
        at += msg_slots(&v->tx.slots[at]);
    return (const union msg *)(const void *)&v->tx.slots[at];
}

static void set_up(struct venue *v)
{
    union msg m = venue_cmd(CMD_START, 0);

    m.start.epoch = 1;
    m.start.shard = 1;
    venue_send(v, &m);
    m = venue_cmd(CMD_DAY_OPEN, 0);
    m.day.day = VENUE_DAY;
    m.day.midnight_ns = 1700000000ull * NS_PER_SEC;
    venue_send(v, &m);
    for (u32 i = 0; i < 2; i++) {
        m = venue_cmd(CMD_INSTRUMENT, 0);
        memcpy(m.instrument.symbol, i ? "BBB     " : "AAA     ", 8);
        m.instrument.tick = i ? 1 : 100;
        m.instrument.lot = 100;
        venue_send(v, &m);
        m = venue_cmd(CMD_ACCOUNT, 0);
        memcpy(m.account.user, i ? "BOB   " : "ANN   ", 6);
        memcpy(m.account.firm, "FIRM", 4);
        venue_send(v, &m);
    }
}

void venue_init(struct venue *v, u32 orders_max)
{
    memset(v, 0, sizeof *v);
    mem_init(&v->mem, 0);
    v->now_ns = 1700000000ull * NS_PER_SEC;
    v->e = new_engine(v, orders_max);
    v->shadow = new_engine(v, orders_max);
    set_up(v);
    venue_login(v, ANN);
    venue_login(v, BOB);
}

void venue_free(struct venue *v)
{
    engine_check(v->e);
    engine_check(v->shadow);
    mem_free_all(&v->mem);
}

u32 venue_login(struct venue *v, u32 account)
{
    union msg m = venue_cmd(CMD_LOGIN, account);
    m.cmd.bind_id = 0;
    m.login.conn = 100 + account;
    return venue_send(v, &m);
}

union msg venue_enter_cmd(u32 account, u32 ref, char side, u32 qty, u32 price, char tif)
{
    union msg m = venue_cmd(CMD_ENTER, account);
    m.enter.user_ref = ref;
    m.enter.qty = qty;
    m.enter.price = price;
    m.enter.instrument = AAA;
    m.enter.side = (u8)side;
    m.enter.tif = (u8)tif;
    m.enter.display = 'Y';
    m.enter.capacity = 'A';
    m.enter.cross_type = 'N';
    memcpy(m.enter.terms.clordid, "ENTERED       ", 14);
    return m;
}

u32 venue_enter(struct venue *v, u32 account, u32 ref, char side, u32 qty, u32 price, char tif)
{
    union msg m = venue_enter_cmd(account, ref, side, qty, price, tif);
    return venue_send(v, &m);
}

union msg venue_replace_cmd(u32 account, u32 orig, u32 ref, u32 qty, u32 price)
{
    union msg m = venue_cmd(CMD_REPLACE, account);
    m.replace.orig_user_ref = orig;
    m.replace.user_ref = ref;
    m.replace.qty = qty;
    m.replace.price = price;
    m.replace.tif = '0';
    m.replace.display = 'Y';
    memcpy(m.replace.terms.clordid, "REPLACED      ", 14);
    return m;
}

u32 venue_replace(struct venue *v, u32 account, u32 orig, u32 ref, u32 qty, u32 price)
{
    union msg m = venue_replace_cmd(account, orig, ref, qty, price);
    return venue_send(v, &m);
}

u32 venue_cancel(struct venue *v, u32 account, u32 ref, u32 qty)
{
    union msg m = venue_cmd(CMD_CANCEL, account);
    m.cancel.user_ref = ref;
    m.cancel.qty = qty;
    return venue_send(v, &m);
}

u32 venue_day_end(struct venue *v)
{
    union msg m = venue_cmd(CMD_DAY_END, 0);
    m.day.day = v->e->day;
    return venue_send(v, &m);
}

static char letter(u8 type)
{
    switch (type) {
    case EV_BOUND:
        return 'b';
    case EV_UNBOUND:
        return 'u';
    case EV_LOGIN_REJECTED:
        return 'l';
    case EV_WORK:
        return 'w';
    default:
        return type >= EV_SYSTEM && type <= EV_RESTATED ? "SAUCEJQMXGKDR"[type - EV_SYSTEM] : 'e';
    }
}

const char *venue_letters(const struct venue *v)
{
    static char text[TX_SLOTS_MAX + 1];
    u32 n = venue_events(v);

    for (u32 i = 0; i < n; i++)
        text[i] = letter(venue_event(v, i)->ev.type);
    text[n] = 0;
    return text;
}
