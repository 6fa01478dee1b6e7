/*
 * indicator.c - see indicator.h. Thread: shadow (cold). Enters: the time, an engine. Leaves: tops.
 *
 * A round goes through all instruments, a bite a turn, so that the shadow follows the journal in
 * between: 65,535 instruments are 16 turns if nothing waits. Failure modes: a round that takes
 * longer than a second makes the next one late, not two at once; the metric says how long it took.
 */
#include "persist/indicator.h"

#include <string.h>

#include "engine/engine.h"

void indicator_init(struct indicator *i, struct tops *tops)
{
    memset(i, 0, sizeof *i);
    i->tops = tops;
    metrics_register("wirebook_indications_total", "", "Indications made before crosses.",
                     METRIC_COUNTER, &i->made);
    metrics_register("wirebook_indications_large_total", "",
                     "Indications left out because too many prices meet.", METRIC_COUNTER,
                     &i->large);
    metrics_register("wirebook_indications_instruments", "",
                     "Instruments near a cross when last looked.", METRIC_GAUGE, &i->instruments);
    metrics_register("wirebook_indications_round_seconds", "",
                     "From the first to the last indication of a round.", METRIC_GAUGE_NS,
                     &i->round_ns);
}

/* One instrument. Returns the units that it took. */
static u32 look(struct indicator *i, const struct engine *e, u16 id, u64 now_ns)
{
    u32 left = INDICATOR_PRICES_MAX;

    switch (tops_indicate(i->tops, e, id, now_ns, &left)) {
    case INDICATED_NONE:
        break;
    case INDICATED:
        i->near++;
        metric_add(&i->made, 1);
        break;
    case INDICATED_LARGE:
        i->near++;
        metric_add(&i->large, 1);
        break;
    }
    return 1 + INDICATOR_PRICES_MAX - left;
}

int indicator_turn(struct indicator *i, const struct engine *e, u64 now_ns)
{
    u32 units = 0;

    if (i->at == 0) {
        if (now_ns < i->next_ns)
            return 0;
        i->at = 1;
        i->near = 0;
        i->began_ns = now_ns;
        i->next_ns = now_ns + INDICATION_PERIOD_NS;
    }
    while (i->at <= engine_instruments(e) && units < INDICATOR_UNITS_PER_TURN)
        units += look(i, e, (u16)i->at++, now_ns);
    if (i->at > engine_instruments(e)) {
        i->at = 0;
        metric_set(&i->instruments, i->near);
        metric_set(&i->round_ns, now_ns - i->began_ns);
    }
    return (int)units;
}
