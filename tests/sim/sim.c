/*
 * sim.c - luck, clock, trace and failure of the simulator; see sim.h.
 */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/hash.h"

struct sim sim;

void sim_begin(u64 seed, u64 now_ns, bool trace)
{
    memset(&sim, 0, sizeof sim);
    sim.seed = seed;
    sim.random = hash_u64(seed + 1);
    sim.now_ns = now_ns;
    sim.base_ns = now_ns;
    sim.trace = trace;
}

u64 sim_random(void)
{
    sim.random += 0x9E3779B97F4A7C15ull;
    return hash_u64(sim.random);
}

u64 sim_below(u64 n)
{
    SIM_CHECK(n > 0, "the simulator asked for a number below 0");
    return sim_random() % n;
}

u64 sim_between(u64 lo, u64 hi)
{
    return lo + sim_below(hi - lo + 1);
}

bool sim_chance(u32 n)
{
    return sim_below(1000000) < n;
}

u64 sim_delay(u64 lo, u64 hi)
{
    u64 span = hi - lo;
    u32 shift = (u32)sim_below(8); /* each halving of the span is equally likely */
    return lo + sim_below((span >> shift) + 1);
}

static void stamp(FILE *out)
{
    u64 ns = sim.now_ns - sim.base_ns;
    fprintf(out, "%8llu %9llu.%03llu ", (unsigned long long)sim.step,
            (unsigned long long)(ns / NS_PER_MS), (unsigned long long)(ns / NS_PER_US % 1000));
}

void sim_trace(const char *who, const char *format, ...)
{
    va_list args;

    if (!sim.trace)
        return;
    stamp(stdout);
    printf("%-8s ", who);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void sim_fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "sim: BROKEN seed %llu step %llu at %llu us: ", (unsigned long long)sim.seed,
            (unsigned long long)sim.step,
            (unsigned long long)((sim.now_ns - sim.base_ns) / NS_PER_US));
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nsim: replay: WB_SEED=%llu WB_TRACE=1 and the same program and options\n",
            (unsigned long long)sim.seed);
    fflush(stderr);
    _exit(SIM_EXIT_BROKEN);
}

void *sim_alloc(u64 bytes)
{
    void *p = calloc(1, bytes);
    SIM_CHECK(p, "no memory for %llu bytes", (unsigned long long)bytes);
    return p;
}

void *sim_grow(void *array, u64 *room, u64 want, u64 size)
{
    if (want <= *room)
        return array;
    u64 more = max_u64(want, max_u64(64, *room * 2));
    u8 *p = aligned_alloc(CACHE_LINE, round_up(more * size, CACHE_LINE)); /* slots ask for it */
    SIM_CHECK(p, "no memory for %llu elements", (unsigned long long)more);
    if (*room > 0)
        memcpy(p, array, *room * size);
    memset(p + *room * size, 0, (more - *room) * size);
    free(array);
    *room = more;
    return p;
}

void sim_counts_print(const struct sim_counts *c)
{
#define X(name, text) printf("  %-42s %12llu\n", text, (unsigned long long)c->name);
    SIM_COUNTS(X)
#undef X
}

void sim_counts_add(struct sim_counts *to, const struct sim_counts *from)
{
#define X(name, text) to->name += from->name;
    SIM_COUNTS(X)
#undef X
}
