/* engine_stream.c - random commands. For tests: any thread, no I/O. */
#include "tests/lib/engine_stream_parts.h"
#include "tests/lib/engine_terms.h"

#include "engine/base/hash.h"

static u64 next_random(struct stream *s)
{
    s->state += 0x9E3779B97F4A7C15ull;
    return hash_u64(s->state);
}

u32 stream_below(struct stream *s, u32 n)
{
    return (u32)(((next_random(s) >> 32) * n) >> 32);
}

void stream_init(struct stream *s, u64 seed)
{
    memset(s, 0, sizeof *s);
    s->state = seed;
    s->now_ns = 1700000000ull * NS_PER_SEC;
    s->day = 20261122;
    s->phase = 'T';
    s->limits = seed % 4 == 0;
    s->named = seed % 8 == 4;
    for (u32 a = 0; a <= STREAM_ACCOUNTS; a++) {
        for (u32 c = 0; c < STREAM_CHANNELS; c++)
            s->next_ref[a][c] = 1;
    }
}

u8 stream_channel(u32 channel)
{
    static const u8 idx[STREAM_CHANNELS] = {0, 7, 16, 255};
    return idx[channel];
}

/* A number for a new request: mostly the next one, sometimes an old one or a jump. */
static u32 new_ref(struct stream *s, u32 account, u32 channel)
{
    u32 *next = &s->next_ref[account][channel];

    if (one_in(s, 30))
        return stream_below(s, *next + 1);
    if (one_in(s, 50) && *next < 4000000000u)
        *next += stream_below(s, one_in(s, 10) ? 100000 : 40);
    return (*next)++;
}

/* An order to speak of: mostly one that was taken, on whatever channel, else any number. */
static u32 old_ref(struct stream *s, u32 account, u32 *channel)
{
    const struct recent *r = &s->recent[account][stream_below(s, STREAM_RECENT)];

    if (r->ref && !one_in(s, 4)) {
        *channel = r->channel;
        return r->ref;
    }
    u32 next = s->next_ref[account][*channel];
    u32 back = stream_below(s, one_in(s, 8) ? 200 : 12) + 1;
    return next > back ? next - back : 1;
}

static u32 price_near(struct stream *s)
{
    static const u32 odd[] = {0,          1,           PRICE_LIMIT_MAX,     PRICE_LIMIT_MAX + 1,
                              2000000000, 0x7FFFFFFFu, PRICE_LIMIT_MAX - 1, 500};
    if (one_in(s, 25))
        return odd[stream_below(s, ARRAY_LEN(odd))];
    if (one_in(s, 40))
        return (stream_below(s, 19999999) + 1) * 100; /* anywhere */
    if (one_in(s, 25))
        return 100000 + stream_below(s, 4000); /* any tick */
    u32 ticks = stream_below(s, 20);
    ticks += stream_below(s, 20);
    return 100000 + ticks * 100;
}

static u32 some_qty(struct stream *s)
{
    static const u32 odd[] = {0, 1, QTY_MAX, QTY_MAX + 1, 500000};
    if (one_in(s, 30))
        return odd[stream_below(s, ARRAY_LEN(odd))];
    if (one_in(s, 15))
        return 1000 + stream_below(s, 20000); /* sweeps */
    return (stream_below(s, 10) + 1) * 100;
}

void stream_head(struct stream *s, union msg *m, u8 type, u32 account)
{
    m->cmd.type = type;
    m->cmd.slots = (u8)msg_type_slots(type);
    m->cmd.account = account;
    m->cmd.bind_id = account <= STREAM_ACCOUNTS ? s->bind_id[account] : 1;
    if (account && one_in(s, 60))
        m->cmd.bind_id -= one_in(s, 2) ? 1 : 0u - 1; /* stale, or none */
}

/* Some orders end by time. */
static void make_timed(struct stream *s, u8 *tif, struct order_terms *t)
{
    if (!one_in(s, 12))
        return;
    *tif = '6';
    t->tags |= TAG_BIT(15);
    t->expire_s = stream_below(s, 5);
}

/* An order for a cross that is to come, mostly. */
static void make_for_cross(struct stream *s, struct msg_enter *c)
{
    c->cross_type = (u8)(s->phase == 'P' ? 'O' : s->phase == 'T' ? 'C' : 'H');
    if (one_in(s, 10))
        c->cross_type = (u8) "OCHS"[stream_below(s, 4)];
    if (one_in(s, 3))
        c->price = one_in(s, 2) ? PRICE_MARKET : PRICE_MARKET_OLD;
    if (one_in(s, 20))
        return;
    u32 ioc = one_in(s, 2);
    c->tif = (u8)(ioc ? '3' : '0');
    memset(&c->terms.min_qty, 0, sizeof c->terms - offsetof(struct order_terms, min_qty));
    c->terms.tags &= TAG_BIT(2) | TAG_BIT(24) | TAG_BIT(28);
    if (one_in(s, 3)) {
        c->terms.tags |= TAG_BIT(17);
        c->terms.handle_inst = 'I';
        c->price = one_in(s, 20) ? c->price : 100000 + (c->side == 'B' ? 39 : 0) * 100;
    }
}

static void make_enter(struct stream *s, union msg *m, u32 account, u32 channel)
{
    struct msg_enter *c = &m->enter;

    stream_head(s, m, CMD_ENTER, account);
    c->user_ref = new_ref(s, account, channel);
    c->user_ref_idx = stream_channel(channel);
    c->qty = some_qty(s);
    c->price = price_near(s);
    c->instrument =
        (u16)(one_in(s, 50) ? stream_below(s, 9) : stream_below(s, STREAM_INSTRUMENTS) + 1);
    c->side = (u8)(one_in(s, 80) ? "XZ"[stream_below(s, 2)] : "BBBSTE"[stream_below(s, 6)]);
    if (one_in(s, 8)) /* across most of what rests */
        c->price = 100000 + (c->side == 'B' ? 38 : 1) * 100;
    c->tif = (u8)(one_in(s, 20) ? "5556E9"[stream_below(s, 6)] : "0003"[stream_below(s, 4)]);
    c->display = (u8)(one_in(s, 100) ? 'Q' : "YYAN"[stream_below(s, 4)]);
    c->capacity = (u8) "APRO"[stream_below(s, 4)];
    c->cross_type = 'N';
    c->reject = one_in(s, 40) ? 0x0030 : 0;
    m->cmd.flags = one_in(s, 8) ? MSG_ISO : 0;
    stream_terms(s, &c->terms, false, c->user_ref_idx);
    make_timed(s, &c->tif, &c->terms);
    stream_reserve(s, &c->terms);
    stream_condition(s, &c->price, &c->tif, &c->display, &c->terms);
    if (one_in(s, s->phase == 'T' ? 20 : 3))
        make_for_cross(s, c);
}

static void make_replace(struct stream *s, union msg *m, u32 account, u32 channel)
{
    static const u16 reasons[] = {0x0030, 0x000F, 0x0028, 0x0015, 0x0013};
    struct msg_replace *c = &m->replace;

    stream_head(s, m, CMD_REPLACE, account);
    c->orig_user_ref = old_ref(s, account, &channel);
    c->user_ref = new_ref(s, account, channel);
    c->user_ref_idx = stream_channel(channel);
    c->qty = some_qty(s);
    c->price = price_near(s);
    c->tif = (u8)(one_in(s, 40) ? '6' : "0003"[stream_below(s, 4)]);
    c->display = (u8)(one_in(s, 100) ? 'Q' : "YYAN"[stream_below(s, 4)]);
    c->collar_bps = (u16)(one_in(s, 4) ? stream_below(s, 300) : 0);
    c->notional_max = one_in(s, 4) ? 10000ull * stream_below(s, 2000) : 0;
    c->side = (u8)(one_in(s, 10) ? "BSTE"[stream_below(s, 4)] : 0);
    c->reject = one_in(s, 20) ? reasons[stream_below(s, ARRAY_LEN(reasons))] : 0;
    m->cmd.flags = one_in(s, 8) ? MSG_ISO : 0;
    stream_terms(s, &c->terms, true, c->user_ref_idx);
    make_timed(s, &c->tif, &c->terms);
    stream_reserve(s, &c->terms);
    stream_condition(s, &c->price, &c->tif, &c->display, &c->terms);
    if (c->side)
        c->terms.tags |= TAG_BIT(27);
}

static void make_cancel(struct stream *s, union msg *m, u32 account, u32 channel)
{
    stream_head(s, m, CMD_CANCEL, account);
    m->cancel.user_ref = old_ref(s, account, &channel);
    m->cancel.user_ref_idx = stream_channel(channel);
    m->cancel.qty = one_in(s, 3) ? some_qty(s) / 2 : 0;
}

static void make_modify(struct stream *s, union msg *m, u32 account, u32 channel)
{
    stream_head(s, m, CMD_MODIFY, account);
    m->modify.user_ref = old_ref(s, account, &channel);
    m->modify.user_ref_idx = stream_channel(channel);
    m->modify.side = (u8) "BBBBSTEX"[stream_below(s, 8)];
    m->modify.qty = one_in(s, 3) ? some_qty(s) : some_qty(s) / 2;
    m->modify.located = (u8)(one_in(s, 4) ? "YN"[stream_below(s, 2)] : 0);
    memcpy(m->modify.locate_broker, one_in(s, 4) ? "BRKM" : "\0\0\0\0", 4);
}

/* A firm of the few that orders name; blank ones too. */
static void some_firm(struct stream *s, char firm[4])
{
    static const char *const firms[] = {"FIRM", "    ", "    ", "FRMA", "FRMB"};
    memcpy(firm, firms[stream_below(s, ARRAY_LEN(firms))], 4);
}

static void make_mass(struct stream *s, union msg *m, u32 account, u32 channel)
{
    stream_head(s, m, CMD_MASS_CANCEL, account);
    m->mass.user_ref = new_ref(s, account, channel);
    m->mass.user_ref_idx = stream_channel(channel);
    some_firm(s, m->mass.firm);
    memcpy(m->mass.symbol, one_in(s, 3) ? "SYM     " : "        ", 8);
    if (m->mass.symbol[0] != ' ')
        m->mass.symbol[3] = (char)('A' + stream_below(s, STREAM_INSTRUMENTS + 1));
    m->mass.side = (u8)(one_in(s, 3) ? "BSTE"[stream_below(s, 4)] : 0);
    m->mass.has_group = one_in(s, 4);
    m->mass.group_id = m->mass.has_group && one_in(s, 2) ? 9 : 0;
}

static void make_firm(struct stream *s, union msg *m, u32 account, u32 channel)
{
    stream_head(s, m, one_in(s, 3) ? CMD_DISABLE : CMD_ENABLE, account);
    m->firm.user_ref = new_ref(s, account, channel);
    m->firm.user_ref_idx = stream_channel(channel);
    some_firm(s, m->firm.firm);
    if (one_in(s, 4))
        m->firm.firm[3] = (char)('A' + stream_below(s, 26)); /* many firms, too many at last */
}

/* Rarely a kill, and soon it is taken back. */
static void make_kill(struct stream *s, union msg *m)
{
    stream_head(s, m, one_in(s, 40) ? CMD_KILL : CMD_RESTORE, 0);
    m->kill.scope = (u8)(one_in(s, 20) ? stream_below(s, 6) : 1 + stream_below(s, 3));
    m->kill.account = stream_below(s, STREAM_ACCOUNTS + 2);
    some_firm(s, m->kill.firm);
}

static void make_login(struct stream *s, union msg *m, u32 account)
{
    stream_head(s, m, CMD_LOGIN, account);
    m->login.conn = s->step;
    m->login.requested_seq = one_in(s, 20) ? stream_below(s, 3000) : stream_below(s, 2);
    m->login.requested_day = one_in(s, 5) ? s->day - one_in(s, 4) : 0;
    m->cmd.gateway = (u16)stream_below(s, STREAM_GATEWAYS);
    m->login.dialect = one_in(s, 40) ? DIALECT_OUCH42 : DIALECT_OUCH50;
    m->login.terms = one_in(s, 4) ? (u8)stream_below(s, 4) : 0;
    stream_port(s, &m->login.port);
}

static void make_instrument(struct stream *s, union msg *m, u32 n)
{
    static const u32 ticks[] = {100, 100, 100, 50, 1, 200, 0};

    stream_head(s, m, CMD_INSTRUMENT, 0);
    memcpy(m->instrument.symbol, "SYM     ", 8);
    m->instrument.symbol[3] = (char)('A' + n);
    m->instrument.tick = ticks[s->step < 20 ? 0 : stream_below(s, ARRAY_LEN(ticks))];
    m->instrument.lot = 100;
    m->instrument.reference_price = one_in(s, 2) ? (one_in(s, 2) ? 10000 : 101000) : 0;
    m->instrument.tier = (u8)(n == 0 ? 1 : one_in(s, 4) ? stream_below(s, 4) : 0);
    m->instrument.collar_bps = (u16)(one_in(s, 6)    ? 1000
                                     : one_in(s, 60) ? 10001
                                     : one_in(s, 10) ? 200
                                                     : 0);
    m->instrument.halted = s->step > 20 && one_in(s, 8);
    m->instrument.by_operator = s->step > 20 && one_in(s, 4);
}

static void make_account(struct stream *s, union msg *m, u32 n)
{
    stream_head(s, m, CMD_ACCOUNT, 0);
    memcpy(m->account.user, "USER  ", 6);
    m->account.user[4] = (char)('A' + n);
    memcpy(m->account.firm, "FRM ", 4);
    m->account.firm[3] = (char)('A' + stream_below(s, 2));
    m->account.disabled = s->step > 20 && one_in(s, 8);
    m->account.stp = (u8)(one_in(s, 20) ? 5 : one_in(s, 2) ? 0 : stream_below(s, 5));
    m->account.stp_level = (u8)(one_in(s, 20) ? 2 : stream_below(s, 2));
    m->account.stp_details = (u8)stream_below(s, 2);
    m->account.drop = (u16)(one_in(s, 30) ? 2 : stream_below(s, 2));
    m->account.drop_ms = one_in(s, 2) ? stream_below(s, 3000) : 0;
    m->account.post_slide = (u8)(one_in(s, 30) ? 2 : stream_below(s, 2));
    stream_leave(s, &m->account);
}

static void make_day(struct stream *s, union msg *m, u8 type, u32 day)
{
    stream_head(s, m, type, 0);
    m->day.day = day;
    m->day.midnight_ns = s->now_ns / (86400 * NS_PER_SEC) * 86400 * NS_PER_SEC;
}

/* After a day's end client numbers start over. */
static void make_day_turn(struct stream *s, union msg *m)
{
    if (one_in(s, 3) || !s->day_open) {
        make_day(s, m, CMD_DAY_OPEN, one_in(s, 4) ? s->day : ++s->day);
        return;
    }
    make_day(s, m, CMD_DAY_END, one_in(s, 3) ? 0 : s->day);
    for (u32 a = 0; a <= STREAM_ACCOUNTS; a++) {
        for (u32 c = 0; c < STREAM_CHANNELS; c++)
            s->next_ref[a][c] = 1;
    }
}

static void make_venue(struct stream *s, union msg *m)
{
    switch (stream_below(s, 10)) {
    case 0:
        stream_head(s, m, CMD_START, 0);
        m->start.epoch = one_in(s, 4) ? s->epoch : ++s->epoch;
        m->start.shard = 1;
        m->start.journal_id = s->epoch % 8 == 5 ? 78 : 77; /* 78: another journal's, refused */
        break;
    case 1:
    case 2:
        make_instrument(s, m, stream_below(s, STREAM_INSTRUMENTS + 2));
        break;
    case 3:
    case 4:
        make_account(s, m, stream_below(s, STREAM_ACCOUNTS + 2));
        break;
    case 5:
        stream_head(s, m, CMD_TICK, 0);
        break;
    case 6:
        make_day_turn(s, m);
        break;
    case 7:
    case 8:
        stream_make_break(s, m);
        break;
    default:
        make_enter(s, m, 1, 0);
    }
}

/* The commands that set a venue up: a start, a day, instruments, accounts, logins. */
static bool make_setup(struct stream *s, union msg *m)
{
    u32 n = s->step;

    if (n == 0) {
        stream_head(s, m, CMD_START, 0);
        m->start.epoch = ++s->epoch;
        m->start.shard = 1;
        m->start.journal_id = 77;
    } else if (n == 1) {
        make_day(s, m, CMD_DAY_OPEN, s->day);
    } else if (n < 2 + STREAM_INSTRUMENTS) {
        make_instrument(s, m, n - 2);
    } else if (n < 2 + STREAM_INSTRUMENTS + STREAM_ACCOUNTS) {
        make_account(s, m, n - 2 - STREAM_INSTRUMENTS);
    } else if (n < 2 + STREAM_INSTRUMENTS + 2 * STREAM_ACCOUNTS) {
        stream_head(s, m, CMD_LOGIN, n - 1 - STREAM_INSTRUMENTS - STREAM_ACCOUNTS);
    } else {
        return false;
    }
    return true;
}

static void make_next(struct stream *s, struct timed *out)
{
    u32 account = stream_below(s, STREAM_ACCOUNTS) + 1;
    u32 channel = one_in(s, 3) ? stream_below(s, STREAM_CHANNELS) : 0;
    union msg *m = &out->cmd;
    u32 what = stream_below(s, 1000);

    memset(out, 0, sizeof *out);
    s->now_ns += stream_below(s, 2000);
    if (one_in(s, 100))
        s->now_ns += stream_below(s, one_in(s, 3) ? 40 : 3) * NS_PER_SEC;
    if (one_in(s, 1000))
        s->now_ns += 290 * NS_PER_SEC;
    out->now_ns = one_in(s, 50) ? s->now_ns - stream_below(s, 5000) : s->now_ns;
    if (make_setup(s, m))
        return;
    if (one_in(s, 60))
        make_kill(s, m);
    else if (one_in(s, 400))
        stream_make_bar(s, m);
    else if (one_in(s, 500))
        stream_make_checks(s, m);
    else if (stream_make_back(s, m))
        ;
    else if (s->limits && one_in(s, 80))
        stream_make_limit(s, m);
    else if (s->limits && one_in(s, 120))
        stream_make_profile(s, m);
    else if (s->limits && one_in(s, 200))
        stream_make_checks(s, m);
    else if (s->limits && one_in(s, 50))
        stream_make_listed(s, m);
    else if (!s->day_open && one_in(s, 4))
        make_day_turn(s, m);
    else if (s->day_open && !s->bound[account] && one_in(s, 2))
        make_login(s, m, account);
    else if (what < 5)
        make_mass(s, m, account, channel);
    else if (what < 15)
        make_firm(s, m, account, channel);
    else if (what < 60)
        make_modify(s, m, account, channel);
    else if (what < 75)
        stream_head(s, m, CMD_TICK, 0);
    else if (what < 85 + (s->away ? 20 : 0))
        stream_make_phase(s, m);
    else if (what < 640)
        make_enter(s, m, account, channel);
    else if (what < 780)
        make_cancel(s, m, account, channel);
    else if (what < 910)
        make_replace(s, m, account, channel);
    else if (what < 960)
        make_login(s, m, one_in(s, 10) ? stream_below(s, 8) : account);
    else if (what < 970)
        stream_head(s, m, CMD_DISCONNECT, account),
            m->unbind.reason = (u8) "CCOHPLTD"[stream_below(s, 8)];
    else if (what < 985)
        stream_head(s, m, CMD_QUERY, account), m->query.user_ref_idx = stream_channel(channel);
    else
        make_venue(s, m);
    stream_operate(s, m);
}

void stream_next(struct stream *s, struct timed *out)
{
    make_next(s, out);
    s->step++;
}

static void remember(struct stream *s, const struct msg_order *m)
{
    for (u32 c = 0; c < STREAM_CHANNELS; c++) {
        if (stream_channel(c) == m->user_ref_idx && m->tif != '3')
            s->recent[m->head.account][s->taken[m->head.account]++ % STREAM_RECENT] =
                (struct recent){m->user_ref, c};
    }
}

void stream_saw(struct stream *s, const struct slot *tx, u32 slots)
{
    for (u32 at = 0; at < slots; at += msg_slots(&tx[at])) {
        const union msg *m = (const union msg *)(const void *)&tx[at];
        bool known = m->ev.account <= STREAM_ACCOUNTS;
        if (m->ev.type == EV_BOUND && known)
            s->bind_id[m->ev.account] = m->bound.bind_id;
        if ((m->ev.type == EV_BOUND || m->ev.type == EV_UNBOUND) && known)
            s->bound[m->ev.account] = m->ev.type == EV_BOUND;
        if ((m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED) && known)
            remember(s, &m->order);
        if (m->ev.type == EV_EXECUTED)
            s->match = m->executed.match;
        if (m->ev.type == EV_COURSE || m->ev.type == EV_PHASE)
            s->phase = m->ev.type == EV_PHASE ? m->phase.phase : m->course.phase;
        if (m->ev.type == EV_STARTED)
            memset(s->bound, 0, sizeof s->bound);
        if (m->ev.type == EV_DAY_OPENED || m->ev.type == EV_DAY_ENDED)
            s->day_open = m->ev.type == EV_DAY_OPENED;
    }
}
