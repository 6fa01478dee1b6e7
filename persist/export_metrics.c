/* export_metrics.c - what a lane says of itself in numbers. See export.h. At start. */
#include <stdio.h>

#include "persist/export.h"

static void register_errors(struct export_lane *l)
{
    static const char *const kinds[EXPORT_ERRORS] = {"lost", "refused", "journal", "stopped"};
    char label[64];

    for (u32 i = 0; i < EXPORT_ERRORS; i++) {
        snprintf(label, sizeof label, "sink=\"%s\",kind=\"%s\"", l->name, kinds[i]);
        metrics_register("wirebook_export_errors_total", label,
                         "Errors of a sink: lost connections, refusals, a journal that cannot be "
                         "read, ends for good",
                         METRIC_COUNTER, &l->m_errors[i]);
    }
}

void export_register_metrics(struct exporter *x)
{
    for (u32 i = 0; i < x->lanes_used; i++) {
        struct export_lane *l = &x->lanes[i];
        char label[48];
        snprintf(label, sizeof label, "sink=\"%s\"", l->name);
        metrics_register("wirebook_export_state", label,
                         "0 down, 1 opening, 2 running, 3 fenced for good, 4 another journal's",
                         METRIC_GAUGE, &l->m_state);
        metrics_register("wirebook_export_mark_seq", label,
                         "Last transaction that the sink has committed", METRIC_GAUGE,
                         &l->m_mark_seq);
        metrics_register("wirebook_export_lag_transactions", label,
                         "Durable transactions that the sink does not have yet", METRIC_GAUGE,
                         &l->m_lag_seq);
        metrics_register("wirebook_export_lag_seconds", label,
                         "How far the sink's view is behind the venue, 0 when it has all",
                         METRIC_GAUGE_NS, &l->m_lag_ns);
        metrics_register("wirebook_export_rows_total", label, "Rows committed", METRIC_COUNTER,
                         &l->m_rows);
        metrics_register("wirebook_export_batches_total", label, "Batches committed",
                         METRIC_COUNTER, &l->m_batches);
        metrics_register("wirebook_export_reconnects_total", label,
                         "Connections and attempts given up", METRIC_COUNTER, &l->m_reconnects);
        metrics_register("wirebook_export_duplicates_total", label,
                         "Rows that the sink refused because it had them", METRIC_COUNTER,
                         &l->m_duplicates);
        register_errors(l);
    }
}
