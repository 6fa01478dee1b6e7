/*
 * bench_session.c - what a session costs per Enter Order: frame and decode, the stateless risk
 * checks, encode and frame of the Accepted, in ns, beside a bare copy of the same bytes; what is
 * added for an account whose orders alike and rates by symbol are checked.
 *
 * 1,024 frames of OUCH 5.0 over 1,000 symbols, an account with every limit and 50 restricted
 * symbols; 4.2 beside it. Five rounds in turns, each the best of a hundred short slices, because
 * the machine is shared; the medians are printed as `name value unit` lines. What is measured is
 * checked before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "gateway/session/bytes.h"
#include "gateway/session/directory.h"
#include "gateway/session/ouch42.h"
#include "gateway/session/rates.h"
#include "gateway/session/soup.h"
#include "tests/lib/seed.h"

#define FRAMES      1024u
#define FRAME_BYTES 64u /* room for one */
#define INSTRUMENTS 1000u
#define WATCHED     1600u /* more than symbols and recent looks, less than all looks */
#define ROUNDS      5u
#define SLICES      100u /* of a round: its best one counts, what others do is not ours */
#define LAPS        4u   /* of a slice: some 0.2 ms, shorter than a turn of the scheduler */
#define MIDNIGHT_NS 1795305600000000000ull

struct bench {
    struct mem mem;
    struct directory directory;
    struct risk_limits limits;
    struct rates_memory rates;
    u64 now_ns; /* of the rates */
    u8 stream[FRAMES * FRAME_BYTES];
    u8 copy[FRAMES * FRAME_BYTES];
    u8 stream_42[FRAMES * FRAME_BYTES];
    u32 bytes, bytes_42;
    union msg commands[FRAMES];
    union msg events[FRAMES];
    char symbols[FRAMES][8];
    u8 out[FRAMES][256];
};

static struct bench b;
static volatile u64 sink; /* so that nothing is computed in vain */

static void symbol_of(u32 i, char out[8])
{
    char text[16];

    snprintf(text, sizeof text, "S%u", i);
    memset(out, ' ', 8);
    memcpy(out, text, strlen(text));
}

static u32 frame_50(u8 *at, u32 ref, const char symbol[8], u32 qty, u32 price)
{
    u8 *p = at + soup_head(at, SOUP_UNSEQUENCED, 47);

    memcpy(p, "O....B....SSSSSSSSpppppppp0YANNCLORD         ..", 47);
    put_be32(p + 1, ref);
    put_be32(p + 6, qty);
    memcpy(p + 10, symbol, 8);
    put_be64(p + 18, price);
    put_be16(p + 45, 0);
    return 50;
}

static u32 frame_42(u8 *at, u32 ref, const char symbol[8], u32 qty, u32 price)
{
    char token[24];
    u8 *p = at + soup_head(at, SOUP_UNSEQUENCED, 49);

    snprintf(token, sizeof token, "T%013u", ref);
    p[0] = 'O';
    memcpy(p + 1, token, 14);
    p[15] = 'B';
    put_be32(p + 16, qty);
    memcpy(p + 20, symbol, 8);
    put_be32(p + 28, price);
    put_be32(p + 32, 99998);
    memcpy(p + 36, "    YAN\0\0\0\0NN", 13);
    return 52;
}

static void make(void)
{
    struct rng rng = {.seed = 1};
    char symbol[8];

    mem_init(&b.mem, 0);
    directory_init(&b.directory, &b.mem, 8, INSTRUMENTS, 1);
    rates_memory_init(&b.rates, &b.mem, 1, WATCHED, 1);
    b.now_ns = NS_PER_SEC;
    for (u32 i = 0; i < INSTRUMENTS; i++) {
        symbol_of(i, symbol);
        directory_instrument_add(&b.directory, (u16)(i + 1), symbol)->reference_price = 1500000;
    }
    b.limits = (struct risk_limits){
        .qty_max = 10000, .collar_bps = 1000, .notional_max = 1000000ull * 10000};
    for (u32 i = 0; i < FRAMES; i++) {
        u32 qty = 1 + (u32)rng_below(&rng, 1000);
        u32 price = 1450000 + (u32)rng_below(&rng, 1000) * 100;
        symbol_of((u32)rng_below(&rng, INSTRUMENTS), b.symbols[i]);
        b.bytes += frame_50(b.stream + b.bytes, i + 1, b.symbols[i], qty, price);
        b.bytes_42 += frame_42(b.stream_42 + b.bytes_42, i + 1, b.symbols[i], qty, price);
    }
}

/* Each returns something of every frame, so that none can be left out. */
static u64 run_decode(void)
{
    struct soup_in in = {0};
    struct soup_frame f;
    u64 sum = 0;
    u32 used;

    for (u32 at = 0, i = 0; at < b.bytes; at += used, i++) {
        if (soup_next(&in, b.stream + at, b.bytes - at, &used, &f) != SOUP_FRAME ||
            ouch5_decode(f.payload, f.len, &b.commands[i]) != OUCH5_COMMAND)
            abort();
        sum += b.commands[i].enter.qty;
    }
    return sum;
}

static u64 run_decode_42(void)
{
    struct soup_in in = {0};
    struct ouch42_names names;
    struct soup_frame f;
    u64 sum = 0;
    u32 used;

    for (u32 at = 0, i = 0; at < b.bytes_42; at += used, i++) {
        if (soup_next(&in, b.stream_42 + at, b.bytes_42 - at, &used, &f) != SOUP_FRAME ||
            ouch42_decode(f.payload, f.len, &b.commands[i], &names) != OUCH5_COMMAND)
            abort();
        sum += b.commands[i].enter.qty;
    }
    return sum;
}

static u64 run_risk(void)
{
    u64 sum = 0;

    for (u32 i = 0; i < FRAMES; i++) {
        const struct msg_enter *m = &b.commands[i].enter;
        const struct instrument *in = directory_instrument_of_symbol(&b.directory, m->symbol);
        struct risk_order order = {.qty = m->qty,
                                   .price = m->price,
                                   .instrument = in->id,
                                   .symbol_known = true,
                                   .reference_price = in->reference_price};
        sum += risk_check(&b.limits, &order) + in->id;
    }
    return sum;
}

/* 100,000 orders a second, more looks and symbols than are watched, a window that is over by the
 * time that a look comes again: each order takes the place of an old one. */
static u64 run_rates(void)
{
    struct rates *t = rates_first(&b.rates, 1);
    u64 sum = 0;

    for (u32 i = 0; i < FRAMES; i++) {
        const struct msg_enter *m = &b.commands[i].enter;
        u16 instrument = (u16)(i % INSTRUMENTS);
        b.now_ns += 10 * NS_PER_US;
        sum += rates_alike(t, instrument, (u64)m->qty << 32 | m->price, 1, 5 * NS_PER_MS, b.now_ns);
        sum += rates_symbol(t, instrument, 1000000, b.now_ns);
    }
    return sum;
}

static u64 run_encode(void)
{
    u64 sum = 0;

    for (u32 i = 0; i < FRAMES; i++) {
        u32 n = ouch5_encode(&b.events[i], b.symbols[i], MIDNIGHT_NS, b.out[i] + SOUP_HEAD_BYTES);
        soup_head(b.out[i], SOUP_SEQUENCED, n);
        sum += n;
    }
    return sum;
}

static u64 run_encode_42(void)
{
    u64 sum = 0;

    for (u32 i = 0; i < FRAMES; i++) {
        struct ouch42_context c = {b.symbols[i], NULL, MIDNIGHT_NS};
        u32 n = ouch42_encode(&b.events[i], &c, b.out[i] + SOUP_HEAD_BYTES);
        soup_head(b.out[i], SOUP_SEQUENCED, n);
        sum += n;
    }
    return sum;
}

/* The bytes of the Enters in and of the Accepteds out, each moved once by frames. */
static u64 run_copy(void)
{
    for (u32 i = 0; i < FRAMES; i++) {
        memcpy(b.copy + i * 50, b.stream + i * 50, 50);
        memcpy(b.out[i], b.out[(i + 1) % FRAMES], 67);
        __asm__ volatile("" ::: "memory");
    }
    return b.copy[7];
}

static const struct work {
    const char *name;
    u64 (*run)(void);
} works[] = {
    {"session.decode.ns", run_decode},      {"session.risk.ns", run_risk},
    {"session.encode.ns", run_encode},      {"session.copy.ns", run_copy},
    {"session.decode42.ns", run_decode_42}, {"session.encode42.ns", run_encode_42},
    {"session.rates.ns", run_rates},
};

static void make_events(void)
{
    for (u32 i = 0; i < FRAMES; i++) {
        const struct msg_enter *c = &b.commands[i].enter;
        b.events[i].order = (struct msg_order){
            .head = {.type = EV_ACCEPTED,
                     .slots = 2,
                     .account = 1,
                     .seq = i,
                     .session_seq = i,
                     .time_ns = MIDNIGHT_NS + i},
            .order_ref = i,
            .user_ref = c->user_ref,
            .qty = c->qty,
            .price = c->price,
            .side = c->side,
            .tif = c->tif,
            .display = c->display,
            .capacity = c->capacity,
            .cross_type = c->cross_type,
            .terms = c->terms,
        };
    }
}

static void verify(void)
{
    u64 want = run_decode_42();

    if (run_decode() != want || memcmp(b.commands[9].enter.symbol, b.symbols[9], 8) != 0)
        abort();
    make_events();
    if (run_rates() != FRAMES * 2ull * RATES_PASS)
        abort();
    if (run_encode() != FRAMES * 64ull || run_encode_42() != FRAMES * 66ull)
        abort();
    for (u32 i = 0; i < FRAMES; i++) {
        struct risk_order order = {.qty = b.commands[i].enter.qty,
                                   .price = b.commands[i].enter.price,
                                   .instrument = 1,
                                   .symbol_known = true,
                                   .reference_price = 1500000};
        if (risk_check(&b.limits, &order) != RISK_OK)
            abort(); /* every check is passed, and so run to its end */
    }
}

static int compare(const void *x, const void *y)
{
    double p = *(const double *)x, q = *(const double *)y;

    return (p > q) - (p < q);
}

int main(void)
{
    double ns[ARRAY_LEN(works)][ROUNDS];
    double all = 0;

    clock_init();
    make();
    verify();
    for (u32 round = 0; round < ROUNDS; round++) {
        for (u32 w = 0; w < ARRAY_LEN(works); w++) {
            u64 best_ns = UINT64_MAX;
            for (u32 slice = 0; slice < SLICES; slice++) {
                u64 from_ns = clock_now_ns();
                for (u32 lap = 0; lap < LAPS; lap++)
                    sink += works[w].run();
                best_ns = min_u64(best_ns, clock_now_ns() - from_ns);
            }
            ns[w][round] = (double)best_ns / (LAPS * FRAMES);
        }
    }
    for (u32 w = 0; w < ARRAY_LEN(works); w++) {
        qsort(ns[w], ROUNDS, sizeof ns[w][0], compare);
        printf("%s %.1f ns\n", works[w].name, ns[w][ROUNDS / 2]);
        all += w < 3 ? ns[w][ROUNDS / 2] : 0;
    }
    printf("session.together.ns %.1f ns\n", all);
    mem_free_all(&b.mem);
    return 0;
}
