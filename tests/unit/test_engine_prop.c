/*
 * test_engine_prop.c - the engine against the reference, command by command, byte by byte.
 *
 * Random streams (tests/lib/engine_stream.h) go through the engine and through
 * tests/lib/ref_book.c; each transaction must be the same bytes. A third engine only applies the
 * transactions, as recovery does; now and then it takes the live one's place in the middle of
 * whatever is going on, and nobody may notice. WB_COMMANDS sets the number of commands, WB_SEED a
 * single seed. All invariants are asserted behind every 250th command; where assertions of the
 * compiler's are on (ASan) behind each one of every 16th stream, with WB_FULL=1 of all.
 *
 * A difference prints the seed and the index, then the stream is shrunk: pieces are left out,
 * halves first, as long as some difference remains, and what is left is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/crc32c.h"
#include "engine/state.h"
#include "tests/lib/engine_stream.h"
#include "tests/lib/ref_book.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COMMANDS_DEFAULT 400000u
#define CHECKING         true
#else
#define COMMANDS_DEFAULT 1000000u
#define CHECKING         false
#endif
#define STREAM_LEN 5000u
#define CHECK_EACH 250u
#define CLOSELY    16u /* in a checking build each command of so many streams' one is looked at */
#define TOTALS     22u

/* What varies from stream to stream beside the commands. */
struct shape {
    u32 orders_max, chunk_fills, chunk_cancels;
};

struct rig {
    struct mem mem;
    struct engine *live;   /* takes commands */
    struct engine *shadow; /* only applies */
    struct ref *ref;
    u64 mix;    /* decides when the two change places */
    u32 shrunk; /* no lines while shrinking */
    u64 transactions, fills, chunks, cuts, crosses, late, offsets;
    u64 bands, slides, pauses, collared, posts;
    u64 limited, untraded, counts;
    u64 requests, refused, profiles, by_profile, listed, picked, both_post;
    bool picky[STREAM_LEN * 4]; /* by order_ref: a peg that rests with a minimum */
};

static u64 current_seed;
static u32 current_index;

static struct shape shape_of(u64 seed)
{
    static const u32 orders[] = {150, 40, 6, 150};
    static const u32 fills[] = {CHUNK_FILLS_MAX, 3, 1, 2};
    static const u32 cancels[] = {CHUNK_CANCELS_MAX, 7, 2, 3};
    return (struct shape){orders[seed % 4], fills[seed / 4 % 4], cancels[seed / 16 % 4]};
}

static struct engine *new_engine(struct rig *r, const struct shape *shape)
{
    struct engine_conf conf = {
        .accounts_max = STREAM_ACCOUNTS + 1,
        .instruments_max = STREAM_INSTRUMENTS + 1,
        .orders_max = shape->orders_max,
        .gateways = STREAM_GATEWAYS,
        .hash_key = {shape->orders_max, r->live != NULL}, /* nobody may notice that it differs */
    };
    struct engine *e = engine_new(&conf, &r->mem);
    e->chunk_fills = shape->chunk_fills;
    e->chunk_cancels = shape->chunk_cancels;
    if (!r->ref)
        r->ref = ref_new(&conf, shape->chunk_fills, shape->chunk_cancels);
    return e;
}

static void rig_init(struct rig *r, const struct shape *shape)
{
    memset(r, 0, sizeof *r);
    mem_init(&r->mem, 0);
    r->live = new_engine(r, shape);
    r->shadow = new_engine(r, shape);
}

static void rig_free(struct rig *r)
{
    ref_free(r->ref);
    mem_free_all(&r->mem);
}

/* Why a request came to nothing is the engine's to say. */
static void pardon(const struct tx *a, struct tx *b)
{
    for (u32 at = 0; at < b->used && at < a->used; at += msg_slots(&b->slots[at])) {
        const union msg *mine = (const union msg *)(const void *)&a->slots[at];
        union msg *m = (union msg *)(void *)&b->slots[at];
        if (m->ev.type == EV_OPERATED && m->operated.outcome == REF_NOT_DONE &&
            mine->ev.type == EV_OPERATED && mine->operated.outcome != OPERATED_DONE) {
            m->operated.outcome = mine->operated.outcome;
            m->operated.why = mine->operated.why;
        }
    }
}

static bool same(struct rig *r, bool made, const struct tx *a, bool made_ref, struct tx *b)
{
    if (made && made_ref)
        pardon(a, b);
    if (made == made_ref &&
        (!made || (a->used == b->used && !memcmp(a->slots, b->slots, a->used * SLOT_BYTES))))
        return true;
    if (r->shrunk)
        return false;
    const struct tx *both[] = {made ? a : NULL, made_ref ? b : NULL};
    for (u32 i = 0; i < 2; i++) {
        printf("%s\n", i ? "the reference:" : "the engine:");
        for (u32 at = 0; both[i] && at < both[i]->used; at += msg_slots(&both[i]->slots[at]))
            msg_print(stdout, (const union msg *)(const void *)&both[i]->slots[at]);
    }
    return false;
}

/* Pegs with a minimum, and post-only ones, do what they do in no other stream. */
static void count_pegs(struct rig *r, const union msg *m, bool moved)
{
    if (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED)
        r->picky[m->order.order_ref % ARRAY_LEN(r->picky)] =
            m->order.terms.min_qty && strchr("PMmR", m->order.terms.price_type ?: 'L') &&
            m->order.tif != '3';
    r->picked += m->ev.type == EV_EXECUTED && !(m->ev.flags & MSG_TAKER) &&
                 r->picky[m->executed.order_ref % ARRAY_LEN(r->picky)];
    r->both_post += moved && m->ev.type == EV_CANCELLED && m->cancelled.reason == 'G';
}

/* Counts what must be there for the test to be one. */
static void count(struct rig *r, const struct tx *tx)
{
    const union msg *cmd = (const union msg *)(const void *)tx->slots;
    u32 price = cmd->cmd.type == CMD_ENTER ? cmd->enter.price : cmd->replace.price;
    bool named = false, moved = false;

    for (u32 at = 0; at < tx->used; at += msg_slots(&tx->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        moved |= m->ev.type == EV_WORK && m->work.kind == WORK_PEGS;
        count_pegs(r, m, moved);
        r->crosses += m->ev.type == EV_CROSS && m->cross.price;
        r->late += m->ev.type == EV_CANCEL_PENDING || m->ev.type == EV_CANCEL_REJECTED;
        r->offsets += m->ev.type == EV_EXECUTED && strchr("ML", m->executed.liquidity);
        r->bands += m->ev.type == EV_BANDS;
        r->slides += m->ev.type == EV_PRIORITY;
        r->requests += m->ev.type == EV_OPERATED && m->operated.outcome == OPERATED_DONE;
        r->refused += m->ev.type == EV_OPERATED && m->operated.outcome != OPERATED_DONE;
        r->pauses += m->ev.type == EV_COURSE && m->course.reason == COURSE_LIMIT;
        r->posts += (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED) &&
                    m->order.terms.yes & YES_POST_ONLY && m->order.price != price;
        r->limited += m->ev.type == EV_REJECTED &&
                      (m->rejected.reason == 0x0026 || m->rejected.reason == 0x0020);
        r->untraded += m->ev.type == EV_UNTRADED;
        r->listed += m->ev.type == EV_REJECTED &&
                     (m->rejected.reason == 0x0022 || m->rejected.reason == 0x0023);
        r->profiles += m->ev.type == EV_PROFILE;
        named |= m->ev.type == EV_PROFILE || m->ev.type == EV_CHECKS || m->ev.type == EV_BOUND;
        r->by_profile += named && m->ev.type == EV_WORK;
        r->counts += m->ev.type == EV_WORK && m->work.kind == WORK_COUNT;
        r->collared += m->ev.type == EV_CANCELLED && m->cancelled.reason == 'K';
    }
}

/*
 * The shadow follows; now and then the two change places. False: it could not, or the states
 * differ.
 */
static bool follow(struct rig *r, const struct tx *tx, bool look)
{
    const char *wrong = engine_apply(r->shadow, tx->slots, tx->used);

    r->mix = r->mix * 6364136223846793005ull + 1442695040888963407ull;
    bool cut = (r->mix >> 59) == 0;
    if (!wrong && (look || cut) && engine_state_hash(r->shadow) != engine_state_hash(r->live))
        wrong = "the recovered state differs";
    if (wrong && !r->shrunk)
        printf("recovery: %s\n", wrong);
    if (cut) {
        struct engine *e = r->live;
        r->live = r->shadow;
        r->shadow = e;
        r->cuts++;
    }
    r->transactions++;
    count(r, tx);
    return !wrong;
}

/* One command and the long work after it. */
static bool run_one(struct rig *r, const struct timed *t, bool look, struct tx *tx)
{
    struct tx want;
    u64 fills = r->live->next_match;

    engine_ahead(r->live, &t->cmd); /* nothing may follow from it */
    bool made = engine_step(r->live, &t->cmd, t->now_ns, tx);
    bool made_ref = ref_step(r->ref, &t->cmd, t->now_ns, &want);

    if (!same(r, made, tx, made_ref, &want) || (made && !follow(r, tx, look)))
        return false;
    while (engine_busy(r->live)) {
        engine_continue(r->live, t->now_ns, tx);
        ref_continue(r->ref, t->now_ns, &want);
        if (!same(r, true, tx, true, &want) || !follow(r, tx, look))
            return false;
        r->chunks++;
    }
    r->fills += r->live->next_match - fills;
    if (look) {
        engine_check(r->live);
        engine_check(r->shadow);
    }
    return !ref_busy(r->ref);
}

/* ---- a failure, made small ---- */

static bool fails(const struct timed *list, u32 n, const struct shape *shape)
{
    struct rig r;
    struct tx tx;
    bool good = true;

    rig_init(&r, shape);
    r.shrunk = 1;
    for (u32 i = 0; i < n && good; i++)
        good = run_one(&r, &list[i], true, &tx);
    rig_free(&r);
    return !good;
}

static void shrink(struct timed *list, u32 n, const struct shape *shape)
{
    struct timed *less = malloc(n * sizeof *less);

    for (u32 piece = n / 2; piece >= 1; piece /= 2) {
        for (u32 at = 0; at + piece <= n;) {
            memcpy(less, list, at * sizeof *list);
            memcpy(less + at, list + at + piece, (n - at - piece) * sizeof *list);
            if (fails(less, n - piece, shape)) {
                n -= piece;
                memcpy(list, less, n * sizeof *list);
            } else {
                at += piece;
            }
        }
    }
    printf("shrunk to %u commands:\n", n);
    for (u32 i = 0; i < n; i++)
        msg_print(stdout, &list[i].cmd);
    free(less);
}

/* Behind each of how many commands of the stream all invariants are asserted. */
static u32 check_each(u64 seed)
{
    return (CHECKING && seed % CLOSELY == 0) || getenv("WB_FULL") ? 1 : CHECK_EACH;
}

/* Runs the stream of `seed`; returns the CRC of all its transactions. */
static u32 run_stream(u64 seed, u32 len, u64 *totals)
{
    struct shape shape = shape_of(seed);
    u32 each = check_each(seed);
    struct timed *list = malloc(len * sizeof *list);
    struct stream s;
    struct rig r;
    struct tx tx;
    u32 crc = 0;

    current_seed = seed;
    stream_init(&s, seed);
    rig_init(&r, &shape);
    for (u32 i = 0; i < len; i++) {
        current_index = i;
        stream_next(&s, &list[i]);
        u64 before = r.transactions;
        if (!run_one(&r, &list[i], i % each == 0, &tx)) {
            printf("seed %llu, command %u\n", (unsigned long long)seed, i);
            shrink(list, i + 1, &shape);
            fail();
        }
        if (r.transactions != before) {
            stream_saw(&s, tx.slots, tx.used);
            crc = crc32c(crc, tx.slots, tx.used * SLOT_BYTES);
        }
    }
    totals[0] += r.transactions;
    totals[1] += r.fills;
    totals[2] += r.chunks;
    totals[3] += r.cuts;
    totals[4] += r.crosses;
    totals[5] += r.late;
    totals[6] += r.offsets;
    totals[7] += r.bands;
    totals[8] += r.slides;
    totals[9] += r.pauses;
    totals[10] += r.collared;
    totals[11] += r.posts;
    totals[12] += r.limited;
    totals[13] += r.untraded;
    totals[14] += r.counts;
    totals[15] += r.requests;
    totals[16] += r.refused;
    totals[17] += r.profiles;
    totals[18] += r.by_profile;
    totals[19] += r.listed;
    totals[20] += r.picked;
    totals[21] += r.both_post;
    rig_free(&r);
    free(list);
    return crc;
}

static u64 from_env(const char *name, u64 otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void test_engine_equals_reference(void **state)
{
    u64 commands = from_env("WB_COMMANDS", COMMANDS_DEFAULT);
    u64 seed = from_env("WB_SEED", 1);
    static const char *const names[] = {"transactions",
                                        "fills",
                                        "further chunks",
                                        "cuts",
                                        "crosses",
                                        "late cancels",
                                        "offsetting halves of fills",
                                        "moves of bands",
                                        "orders moved",
                                        "pauses",
                                        "collared",
                                        "post-only orders slid",
                                        "orders beyond limits",
                                        "trades that count no more",
                                        "pieces of counting",
                                        "requests of operators",
                                        "... that came to nothing",
                                        "changes of profiles",
                                        "... and of who has them that begin to count",
                                        "orders that lists refuse",
                                        "fills of resting pegs with a minimum",
                                        "post-only orders that met one"};
    u64 totals[TOTALS] = {0};
    (void)state;

    for (u64 done = 0; done < commands; done += STREAM_LEN, seed++)
        run_stream(seed, STREAM_LEN, totals);
    printf("%llu commands", (unsigned long long)commands);
    for (u32 i = 0; i < ARRAY_LEN(totals); i++)
        printf(", %llu %s", (unsigned long long)totals[i], names[i]);
    printf("\n");
    assert_true(totals[0] > commands / 3);
    assert_true(totals[1] > commands / 25);
    assert_true(totals[2] > 0 && totals[3] > 0);
    assert_true(totals[4] > commands / 1000 && totals[5] > commands / 10000);
    assert_true(totals[6] > commands / 20000);
    assert_true(totals[7] > 0 && totals[8] > 0 && totals[9] > 0);
    assert_true(totals[11] > commands / 10000);
    assert_true(totals[12] > commands / 1000 && totals[13] > 0 && totals[14] > 0);
    assert_true(totals[15] > commands / 1000 && totals[16] > commands / 1000);
    assert_true(totals[17] > commands / 2000 && totals[18] > 0);
    assert_true(totals[19] > commands / 1000);
    assert_true(totals[20] > commands / 20000 && totals[21] > commands / 200000);
}

/* The same on every compiler and at every level of optimisation: the constant is the test. */
static void test_bytes_do_not_depend_on_the_build(void **state)
{
    u64 totals[TOTALS] = {0};
    u32 crc = run_stream(12, STREAM_LEN, totals);
    (void)state;

    assert_int_equal(crc, run_stream(12, STREAM_LEN, totals));
    assert_int_equal(crc, 0xd64f9b4f);
}

static void on_abort(int sig)
{
    char line[96];
    int n = snprintf(line, sizeof line, "aborted in seed %llu, command %u\n",
                     (unsigned long long)current_seed, current_index);
    (void)sig;
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_equals_reference),
        cmocka_unit_test(test_bytes_do_not_depend_on_the_build),
    };
    signal(SIGABRT, on_abort);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
