/*
 * recent.h - percentiles of the orders of the last ten seconds by stage, as gauges: for those who
 * cannot read a histogram. CloudWatch's agent drops histograms and takes gauges.
 *
 *   wirebook_stage_recent_seconds{stage="total",percentile="99.9"}
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_RECENT_H
#define WIREBOOK_GATEWAY_ADMIN_RECENT_H

#include "engine/base/types.h"

#define RECENT_NS (10 * NS_PER_SEC)

struct recent;

/* Over wirebook_stage_seconds, which is there by now: NULL when it is not. */
struct recent *recent_new(void);

/* Once, before the threads start. */
void recent_register_metrics(const struct recent *r);

/* Looks at each stage once in RECENT_NS; a stage that had no order since shows 0. One cold thread.
 * Returns 1 for some work. NULL is legal. */
int recent_do_work(struct recent *r, u64 now_ns);

void recent_free(struct recent *r);

#endif
