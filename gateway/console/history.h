/*
 * history.h - the last hour of the metrics that the console draws: one sample a second.
 *
 * So a console that is opened after something happened still shows it. Kept in memory and lost at
 * the end; what must be kept longer belongs into Prometheus. One cold thread.
 */
#ifndef WIREBOOK_GATEWAY_CONSOLE_HISTORY_H
#define WIREBOOK_GATEWAY_CONSOLE_HISTORY_H

#include <stdio.h>

#include "engine/base/types.h"

#define HISTORY_SAMPLES     3600u
#define HISTORY_INTERVAL_NS NS_PER_SEC

struct history;

/* Empty; knows by now which metrics there are, so after the last metrics_register. */
struct history *history_new(void);

/* Takes a sample when one is due. Returns 1 if it did, else 0. */
int history_look(struct history *h, u64 now_ns);

/*
 * Writes the samples taken after `since_ms` (milliseconds since 1970 UTC, 0: all that there are)
 * as JSON: {"names": [...], "rows": [[time in ms, value or null, ...], ...]}, oldest first.
 * Durations are in seconds.
 */
void history_print(const struct history *h, u64 since_ms, FILE *out);

/* NULL is legal. */
void history_free(struct history *h);

#endif
