/*
 * health.c - see health.h. Enters: turn counters and gauges. Leaves: yes or no, with the reasons.
 *
 * A full export ring, a database that is away or a client that misbehaves are no reason: the venue
 * goes on. Failure modes: none; it only reads.
 */
#include "gateway/admin/health.h"

#include <stdarg.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/msg/side.h"

/* A step of the machine's clock that is worth a human being: as in admin.c. */
#define CLOCK_STEP_NS NS_PER_SEC

_Static_assert(HEALTH_AGENTS_MAX == 32, "a bit of `stuck` for each");

void health_init(struct health *h, const struct health_conf *conf)
{
    memset(h, 0, sizeof *h);
    h->conf = *conf;
    ASSERT(conf->stall_ns > 0);
}

void health_watch(struct health *h, const struct agent *a, u64 now_ns)
{
    ASSERT_LT(h->agents_used, HEALTH_AGENTS_MAX);
    h->agents[h->agents_used++] = (struct health_agent){a, metric_get(&a->turns), now_ns};
}

void health_register_metrics(const struct health *h)
{
    metrics_register("wirebook_ready", "", "1 when clients may be sent here, else 0; see /readyz.",
                     METRIC_GAUGE, &h->ready);
    metrics_register("wirebook_agents_stuck", "", "Agents that have stopped taking turns.",
                     METRIC_GAUGE, &h->stuck_nr);
}

void health_course_set(struct health *h, enum health_course course)
{
    atomic_store_explicit(&h->course, course, memory_order_relaxed);
    metric_set(&h->ready, health_ready(h, NULL));
}

void health_look(struct health *h, u64 now_ns)
{
    u32 stuck = 0;

    for (u32 i = 0; i < h->agents_used; i++) {
        struct health_agent *a = &h->agents[i];
        u64 turns = metric_get(&a->agent->turns);
        if (turns != a->turns) {
            a->turns = turns;
            a->seen_ns = now_ns;
        } else if (now_ns - a->seen_ns >= h->conf.stall_ns) {
            stuck |= 1u << i;
        }
    }
    atomic_store_explicit(&h->stuck, stuck, memory_order_relaxed);
    metric_set(&h->stuck_nr, (u64)__builtin_popcount(stuck));
    metric_set(&h->ready, health_ready(h, NULL));
}

/* `why` is told where `good` is false: as a failure, or as a warning that changes no answer. */
__attribute__((format(printf, 5, 6))) static bool tell(FILE *out, const char *word,
                                                       const char *name, bool good, const char *why,
                                                       ...)
{
    va_list args;

    if (out && good) {
        fprintf(out, "ok %s\n", name);
    } else if (out) {
        fprintf(out, "%s %s: ", word, name);
        va_start(args, why);
        vfprintf(out, why, args);
        va_end(args);
        fputc('\n', out);
    }
    return good;
}

#define CHECK(out, name, good, ...) tell(out, "FAILED", name, good, __VA_ARGS__)
#define WARN(out, name, good, ...)  ((void)tell(out, "warning", name, good, __VA_ARGS__))

bool health_live(const struct health *h, FILE *out)
{
    u32 stuck = atomic_load_explicit(&h->stuck, memory_order_relaxed);
    bool good = true;

    for (u32 i = 0; i < h->agents_used; i++)
        good &= CHECK(out, h->agents[i].agent->name, !(stuck & 1u << i),
                      "has taken no turn for %llu s; is its core taken by another program?",
                      (unsigned long long)(h->conf.stall_ns / NS_PER_SEC));
    return good;
}

static bool course_good(const struct health *h, FILE *out)
{
    u32 course = atomic_load_explicit(&h->course, memory_order_relaxed);

    return CHECK(out, "course", course == HEALTH_OPEN, "the venue is %s",
                 course == HEALTH_STARTING ? "starting" : "draining");
}

/* Below the low mark cancels are taken, so clients must still get in; below the hard one, not. */
static bool space_good(const struct health *h, FILE *out)
{
    u32 space = atomic_load_explicit(h->conf.space_level, memory_order_relaxed);

    if (space == SPACE_LOW)
        WARN(out, "space", false,
             "the journal's disk is below its low mark: new orders are rejected; make room");
    else
        CHECK(out, "space", space == SPACE_OK,
              "the journal's disk is below its hard mark: nothing is read; make room");
    return space != SPACE_HARD;
}

static void clock_warn(const struct health *h, FILE *out)
{
    u64 forward_ns = metric_get(h->conf.clock_forward);
    u64 back_ns = metric_get(h->conf.clock_back);

    WARN(out, "clock", forward_ns <= CLOCK_STEP_NS && back_ns <= CLOCK_STEP_NS,
         "the machine's clock was set %s by %llu ms and the venue's does not follow; set it right, "
         "or restart to take it over",
         forward_ns > 0 ? "forward" : "back",
         (unsigned long long)((forward_ns + back_ns) / NS_PER_MS));
}

bool health_ready(const struct health *h, FILE *out)
{
    bool good = health_live(h, out);

    good &= course_good(h, out);
    good &= space_good(h, out);
    WARN(out, "day", metric_get(h->conf.engine_day) != 0,
         "no trading day is open, so nobody can log in; the log says when the next one opens");
    clock_warn(h, out);
    return good;
}
