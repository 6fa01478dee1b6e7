/* redis_tops.c - see redis_tops.h. */
#include "persist/redis_tops.h"

#include <stdio.h>
#include <string.h>

#include "persist/export_names.h"
#include "persist/fill_codec.h"

#define TOP_ARGS      15u
#define TOP_ARG_BYTES (2 * REDIS_KEY_BYTES + TOP_BYTES_MAX + 13 * 40u) /* heads included */
#define HEAD_BYTES    1024u

void redis_tops_restart(struct redis_tops *r)
{
    r->after = 0;
    r->again = r->tops != NULL;
    if (r->tops)
        tops_all_again(r->tops);
}

bool redis_tops_due(const struct redis_tops *r)
{
    return r->tops && (r->again || tops_changes(r->tops) != r->seen);
}

u32 redis_tops_command_max(void)
{
    return HEAD_BYTES + REDIS_TOPS_MAX * TOP_ARG_BYTES;
}

/* What has changed, from where the last look ended, around the end once. */
static u32 take(struct redis_tops *r)
{
    u64 changes = tops_changes(r->tops);
    u32 used = 0;
    bool from_start = r->after == 0;

    while (used < REDIS_TOPS_MAX) {
        u16 id = tops_next(r->tops, r->after, &r->taken[used]);
        r->after = id;
        if (id > 0) {
            used++;
            continue;
        }
        if (from_start)
            break;
        from_start = true;
    }
    r->again = used == REDIS_TOPS_MAX;
    r->seen = changes; /* of before the look: a change during it is looked for again */
    return used;
}

static void plain(char out[9], const char symbol[8])
{
    u32 n = export_names_trim(symbol, 8);

    memcpy(out, symbol, n);
    out[n] = '\0';
}

static void put_price(struct resp *out, u32 price)
{
    char text[24];

    snprintf(text, sizeof text, "%u.%04u", price / 10000, price % 10000);
    resp_text(out, price ? text : "");
}

static void put_char(struct resp *out, u8 c)
{
    char text[2] = {(char)c, '\0'};

    resp_text(out, text);
}

static void put_top(struct resp *out, const char *prefix, u32 shard, const struct top *top)
{
    struct top_news news = {
        .seq = top->seq,
        .shard = shard,
        .time_ns = top->time_ns,
        .bid_price = top->bid_price,
        .bid_qty = top->bid_qty,
        .ask_price = top->ask_price,
        .ask_qty = top->ask_qty,
        .phase = (char)top->phase,
        .cross = (char)top->cross,
        .cross_price = top->cross_price,
        .paired = top->paired,
        .imbalance = top->imbalance,
        .cross_side = (char)top->cross_side,
        .indicated_ns = top->indicated_ns,
    };
    char channel[REDIS_KEY_BYTES];
    u8 payload[TOP_BYTES_MAX];

    plain(news.symbol, top->symbol);
    snprintf(channel, sizeof channel, "%s:tops:%s", prefix, news.symbol);
    resp_text(out, channel);
    resp_arg(out, payload, top_encode(&news, payload));
    put_price(out, top->bid_price);
    resp_u64(out, top->bid_qty);
    put_price(out, top->ask_price);
    resp_u64(out, top->ask_qty);
    put_char(out, top->phase);
    resp_u64(out, top->seq);
    resp_u64(out, top->time_ns);
    put_char(out, top->cross);
    put_price(out, top->cross_price);
    resp_u64(out, top->paired);
    resp_u64(out, top->imbalance);
    put_char(out, top->cross_side);
    resp_u64(out, top->indicated_ns);
}

bool redis_tops_command(struct redis_tops *r, const struct redis_claim *c, const char *prefix,
                        u32 shard, struct resp *out)
{
    u32 used = take(r);
    char key[REDIS_KEY_BYTES], symbol[9];

    if (used == 0)
        return false;
    resp_head(out, 3 + 1 + used + 2 + used * TOP_ARGS);
    resp_text(out, "EVALSHA");
    resp_text(out, c->sha_tops);
    resp_u64(out, 1 + used);
    snprintf(key, sizeof key, "%s:mark", prefix);
    resp_text(out, key);
    for (u32 i = 0; i < used; i++) {
        plain(symbol, r->taken[i].symbol);
        snprintf(key, sizeof key, "%s:top:%s", prefix, symbol);
        resp_text(out, key);
    }
    resp_u64(out, c->epoch);
    resp_u64(out, c->claim);
    for (u32 i = 0; i < used; i++)
        put_top(out, prefix, shard, &r->taken[i]);
    ASSERT_EQ(out->args, 3 + 1 + used + 2 + used * TOP_ARGS);
    return true;
}
