/*
 * sim_traffic.c - what simulated clients ask for: orders that trade, rest, are replaced, cancelled,
 * of each kind that the protocol has, and a share of everything a venue must refuse. See
 * sim_traffic.h.
 */
#include "tests/sim/sim_traffic.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

static u64 some_price(const struct sim_client_conf *conf)
{
    return conf->price_base + conf->tick * sim_between(0, 10) - conf->tick * 5;
}

/* A price on this side's own half, or across: some orders rest and make the book deep. */
static u64 side_price(const struct sim_client_conf *conf, char side)
{
    u64 away = conf->tick * sim_between(1, 20);

    if (!sim_chance(conf->passive_per_million))
        return some_price(conf);
    return side == 'B' ? conf->price_base - away : conf->price_base + away;
}

/* A number of an order of ours, mostly a recent one, sometimes one that never was. */
static u32 some_ref(const struct sim_stream *s)
{
    if (s->next_ref <= 1 || sim_chance(20000))
        return (u32)sim_between(1, s->next_ref + 5);
    u32 back = (u32)sim_below(min_u32(s->next_ref - 1, 20));
    return s->next_ref - 1 - back;
}

static u32 skip_ref(struct sim_stream *s)
{
    if (sim_chance(30000))
        s->next_ref += (u32)sim_between(1, 40); /* numbers may be left out */
    return s->next_ref++;
}

static const char *const bad_symbols[] = {"NOSUCH", "", "ZZZZZZZZ"};

/* One thing wrong that is checked before matching; the venue must answer J. */
static void spoil(struct wb_enter *e, struct wb_tags *tags, const struct sim_client_conf *conf)
{
    switch (sim_below(8)) {
    case 0:
        snprintf(e->symbol, sizeof e->symbol, "%s", bad_symbols[sim_below(ARRAY_LEN(bad_symbols))]);
        break;
    case 1:
        e->qty = 0;
        break;
    case 2:
        e->qty = (u32)sim_between(WB_QTY_MAX + 1, WB_QTY_MAX + 5);
        break;
    case 3:
        e->price = some_price(conf) + 1;
        break;
    case 4:
        e->side = 'Z';
        break;
    case 5:
        e->tif = '9';
        break;
    case 6:
        e->price = 0;
        break;
    default:
        wb_tag_set(tags, 15, 0); /* a time to live without the time in force for it */
        e->tif = '6';
        e->tags = tags;
        break;
    }
}

/* Shows a part of itself at a time, sometimes a random one. */
static void make_reserve(struct wb_enter *e, struct wb_tags *tags)
{
    e->qty = 100 * (u32)sim_between(3, 30);
    wb_tag_set(tags, 5, 200);
    if (sim_chance(500000))
        wb_tag_set(tags, 13, 100);
}

/* Follows the touch, at a distance or in the middle, with a limit. */
static void make_peg(struct wb_enter *e, struct wb_tags *tags, u64 tick)
{
    char kind = "RPMm"[sim_below(4)];

    e->display = 'N';
    wb_tag_set(tags, 6, (u8)kind);
    if (kind == 'R' || kind == 'P')
        wb_tag_set(tags, 7, (u32)((i32)tick * ((i32)sim_below(7) - 3)));
}

/* Waits for a cross that may come, or may not; at any price, or only against what is too much. */
static void make_for_cross(struct wb_enter *e, struct wb_tags *tags)
{
    e->cross = "OOCH"[sim_below(4)];
    if (sim_chance(300000))
        e->price = WB_PRICE_MARKET;
    else if (sim_chance(300000))
        wb_tag_set(tags, 17, 'I');
}

/* What a plain order is not: each kind leaves other traces in the state. */
static void make_special(struct wb_enter *e, struct wb_tags *tags, const struct sim_client_conf *c)
{
    switch (sim_below(6)) {
    case 0:
        make_reserve(e, tags);
        break;
    case 1:
        make_peg(e, tags, c->tick);
        break;
    case 2:
        e->display = 'N';
        e->qty += 100;
        wb_tag_set(tags, 3, 100); /* a minimum that it must meet */
        break;
    case 3:
        wb_tag_set(tags, 12, 'P');
        break;
    case 4:
        e->tif = '6';
        wb_tag_set(tags, 15, 1); /* a second to live */
        break;
    default:
        make_for_cross(e, tags);
        break;
    }
    e->tags = tags;
}

static void make_enter(struct sim_client *cl, struct sim_request *r)
{
    const struct sim_client_conf *conf = cl->conf;
    struct sim_stream *s = sim_account_today(&cl->account);
    struct wb_tags tags = {0};
    struct wb_enter e;

    const char *symbol = conf->symbols[sim_below(conf->symbols_used)];
    u32 qty = (u32)sim_between(1, 500);
    u8 side = sim_chance(500000) ? 'B' : 'S';
    wb_enter_init(&e, skip_ref(s), side, qty, symbol, 0);
    e.price = side_price(conf, e.side);
    if (sim_chance(250000))
        make_special(&e, &tags, conf);
    else if (sim_chance(150000))
        e.tif = '3';
    else if (sim_chance(50000))
        e.qty = (u32)sim_between(500, 20000);
    if (!e.tags && sim_chance(conf->sweeps_per_million)) { /* all that there is on the other side */
        e.qty = (u32)sim_between(50000, WB_QTY_MAX);
        e.price = e.side == 'B' ? conf->price_base * 2 : conf->price_base / 2;
        e.tif = '3';
    }
    snprintf(e.clordid, sizeof e.clordid, "C%u", e.user_ref);
    if (sim_chance(80000)) {
        r->invalid = true;
        spoil(&e, &tags, conf);
    }
    r->kind = SIM_ENTER;
    r->user_ref = e.user_ref;
    r->qty = e.qty;
    r->price = e.price;
    r->side = e.side;
    r->n = (u16)wb_encode_enter(r->bytes, &e);
}

static void make_replace(struct sim_client *cl, struct sim_request *r)
{
    struct sim_stream *s = sim_account_today(&cl->account);
    struct wb_replace p;

    u32 orig = some_ref(s);
    u32 price = some_price(cl->conf), qty = (u32)sim_between(1, 700);
    wb_replace_init(&p, orig, skip_ref(s), qty, price);
    if (sim_chance(50000))
        p.qty = WB_QTY_MAX + 1;
    r->kind = SIM_REPLACE;
    r->user_ref = p.user_ref;
    r->orig_ref = p.orig_ref;
    r->qty = p.qty;
    r->price = p.price;
    r->n = (u16)wb_encode_replace(r->bytes, &p);
}

void sim_traffic_make(struct sim_client *cl)
{
    struct sim_stream *s = sim_account_today(&cl->account);
    struct sim_request *r = sim_account_request(&cl->account);
    u64 dice = sim_below(100);

    if (dice < 62) {
        make_enter(cl, r);
    } else if (dice < 76) {
        make_replace(cl, r);
    } else if (dice < 96) {
        r->kind = SIM_CANCEL;
        u32 keep = sim_chance(600000) ? 0 : (u32)sim_below(300);
        r->n = (u16)wb_encode_cancel(r->bytes, some_ref(s), keep, NULL);
    } else {
        r->kind = SIM_QUERY;
        r->n = (u16)wb_encode_query(r->bytes, NULL);
    }
    sim.counts.requests++;
}
