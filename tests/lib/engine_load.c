/* engine_load.c - see the header. */
#include "tests/lib/engine_load.h"

#include <stdio.h>

#define DAY 20261123u

static union msg cmd(u8 type)
{
    return (union msg){.cmd = {.type = type, .slots = (u8)msg_type_slots(type)}};
}

static void add_instrument(struct load *l, u32 i)
{
    union msg m = cmd(CMD_INSTRUMENT);
    char symbol[16];

    snprintf(symbol, sizeof symbol, "S%-7u", i);
    memcpy(m.instrument.symbol, symbol, sizeof m.instrument.symbol);
    m.instrument.tick = 1;
    m.instrument.lot = 100;
    load_send(l, &m);
}

static void add_account(struct load *l, const char *user)
{
    union msg m = cmd(CMD_ACCOUNT);

    memcpy(m.account.user, user, sizeof m.account.user);
    memcpy(m.account.firm, "FIRM", sizeof m.account.firm);
    load_send(l, &m);
    m = cmd(CMD_LOGIN);
    m.cmd.account = engine_accounts(l->e);
    m.login.conn = 100 + m.cmd.account;
    load_send(l, &m);
}

void load_init(struct load *l, u32 instruments, u32 orders)
{
    struct engine_conf conf = {.accounts_max = min_u32(orders, ACCOUNTS_MAX),
                               .instruments_max = instruments,
                               .orders_max = orders,
                               .gateways = 1,
                               .hash_key = {0x5EED, 0x0DD}};

    memset(l, 0, sizeof *l);
    mem_init(&l->mem, 0);
    l->e = engine_new(&conf, &l->mem);
    l->now_ns = 1700000000ull * NS_PER_SEC;
    union msg m = cmd(CMD_START);
    m.start.epoch = 1;
    m.start.shard = 1;
    load_send(l, &m);
    m = cmd(CMD_DAY_OPEN);
    m.day.day = DAY;
    m.day.midnight_ns = l->now_ns;
    load_send(l, &m);
    for (u32 i = 1; i <= instruments; i++)
        add_instrument(l, i);
    add_account(l, "ANN   ");
    add_account(l, "BOB   ");
}

void load_free(struct load *l)
{
    mem_free_all(&l->mem);
}

union msg load_enter(struct load *l, u32 account, u16 instrument, char side, u32 qty, u32 price)
{
    union msg m = cmd(CMD_ENTER);

    m.cmd.account = account;
    m.enter.user_ref = ++l->ref[account];
    m.enter.qty = qty;
    m.enter.price = price;
    m.enter.instrument = instrument;
    m.enter.side = (u8)side;
    m.enter.tif = '0';
    m.enter.display = 'Y';
    m.enter.capacity = 'A';
    m.enter.cross_type = 'N';
    memcpy(m.enter.terms.clordid, "LOAD          ", sizeof m.enter.terms.clordid);
    return m;
}

union msg load_cancel(u32 account, u32 ref)
{
    union msg m = cmd(CMD_CANCEL);

    m.cmd.account = account;
    m.cancel.user_ref = ref;
    return m;
}

union msg load_phase(u16 instrument, char phase)
{
    union msg m = cmd(CMD_PHASE);

    m.course.instrument = instrument;
    m.course.phase = (u8)phase;
    m.course.reason = COURSE_OPERATOR;
    return m;
}

bool load_step(struct load *l, union msg *m)
{
    if (m->cmd.account && m->cmd.type != CMD_LOGIN)
        m->cmd.bind_id = l->e->accounts.at[m->cmd.account].bind_id;
    return engine_step(l->e, m, ++l->now_ns, &l->tx);
}

void load_send(struct load *l, union msg *m)
{
    ASSERT(load_step(l, m));
    while (engine_busy(l->e))
        engine_continue(l->e, ++l->now_ns, &l->tx);
}
