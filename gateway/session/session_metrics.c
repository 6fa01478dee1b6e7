/* session_metrics.c - the names of a gateway's session metrics. At start only, but for one lookup. */
#include "gateway/session/session.h"

#include <stdio.h>

struct row {
    size_t offset; /* in struct session_metrics */
    enum metric_kind kind;
    const char *name;
    const char *help;
};

#define ROW(field, kind, name, help)                                                  \
    {                                                                                 \
        offsetof(struct session_metrics, field), kind, "wirebook_gateway_" name, help \
    }

/* clang-format off */
static const struct row rows[] = {
    ROW(opened, METRIC_COUNTER, "connections_opened_total", "Connections taken."),
    ROW(refused_full, METRIC_COUNTER, "connections_refused_total", "Connections refused: no session free."),
    ROW(sessions, METRIC_GAUGE, "sessions", "Connections that are open or not yet told to the engine."),
    ROW(logins_ok, METRIC_COUNTER, "logins_accepted_total", "Logins accepted."),
    ROW(logins_bad, METRIC_COUNTER, "logins_bad_total", "Logins with an unknown user or a wrong password."),
    ROW(logins_limited, METRIC_COUNTER, "logins_limited_total", "Logins refused: too many failures from there."),
    ROW(logins_refused, METRIC_COUNTER, "logins_refused_total", "Logins to a session or number that is not there."),
    ROW(frames_in, METRIC_COUNTER, "frames_in_total", "SoupBinTCP frames taken."),
    ROW(frames_bad, METRIC_COUNTER, "frames_bad_total", "Frames that ended a session."),
    ROW(bytes_in, METRIC_COUNTER, "in_bytes_total", "Bytes taken from clients."),
    ROW(commands, METRIC_COUNTER, "commands_total", "Commands put into the ring for clients."),
    ROW(risk_rejects, METRIC_COUNTER, "orders_marked_total", "Orders that the gateway marked to be rejected."),
    ROW(malformed, METRIC_COUNTER, "messages_malformed_total", "OUCH messages ignored as malformed."),
    ROW(unsupported, METRIC_COUNTER, "messages_unsupported_total", "OUCH messages of types not supported."),
    ROW(unknown, METRIC_COUNTER, "messages_unknown_total", "OUCH messages of unknown types."),
    ROW(debug_frames, METRIC_COUNTER, "debug_frames_total", "Debug frames ignored."),
    ROW(ring_full_stops, METRIC_COUNTER, "ring_full_stops_total", "Times that reading stopped: command ring full."),
    ROW(quota_stops, METRIC_COUNTER, "quota_stops_total", "Times that reading stopped: a turn's quota used up."),
    ROW(messages_out, METRIC_COUNTER, "messages_out_total", "Sequenced messages sent from the stores."),
    ROW(bytes_out, METRIC_COUNTER, "out_bytes_total", "Bytes given to the transport."),
    ROW(heartbeats_out, METRIC_COUNTER, "heartbeats_out_total", "Server heartbeats sent."),
    ROW(replays, METRIC_COUNTER, "replays_total", "Times that a session went to the reader for old messages."),
    ROW(replayed, METRIC_COUNTER, "messages_replayed_total", "Sequenced messages sent from the reader."),
    ROW(reader_none, METRIC_COUNTER, "reader_none_total", "Answers of the reader without messages."),
    ROW(store_free_min, METRIC_GAUGE, "store_chunks_free_min", "Low-water mark of the free store chunks."),
    ROW(events, METRIC_COUNTER, "events_total", "Events taken from the engine."),
};
/* clang-format on */

struct session_end_row {
    u8 reason; /* enum unbind_reason */
    const char *label;
};

static const struct session_end_row session_ends[] = {
    {UNBIND_CLOSED, "closed"},     {UNBIND_LOGOUT, "logout"},     {UNBIND_SILENT, "silent"},
    {UNBIND_TAKEOVER, "takeover"}, {UNBIND_PROTOCOL, "protocol"}, {UNBIND_SLOW, "slow"},
    {UNBIND_SHUTDOWN, "shutdown"},
};
_Static_assert(ARRAY_LEN(session_ends) < ARRAY_LEN(((struct session_metrics *)0)->ended),
               "the last one counts any other");

struct metric *session_metric_ended(struct sessions *S, enum unbind_reason reason)
{
    u32 i = 0;

    while (i < ARRAY_LEN(session_ends) && session_ends[i].reason != reason)
        i++;
    return &S->metrics.ended[i];
}

void session_metrics_register(struct sessions *S, const char *labels)
{
    char with_reason[48];

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        const u8 *at = (const u8 *)&S->metrics + rows[i].offset;
        metrics_register(rows[i].name, labels, rows[i].help, rows[i].kind,
                         (const struct metric *)(const void *)at);
    }
    for (u32 i = 0; i < ARRAY_LEN(session_ends); i++) {
        snprintf(with_reason, sizeof with_reason, "%s,reason=\"%s\"", labels,
                 session_ends[i].label);
        metrics_register("wirebook_gateway_sessions_ended_total", with_reason, "Sessions ended.",
                         METRIC_COUNTER, &S->metrics.ended[i]);
    }
}
