/* session_metrics.c - the names of a gateway's session metrics. At start, but for one lookup. */
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
#define COUNT(field, name, help) ROW(field, METRIC_COUNTER, name, help)
#define GAUGE(field, name, help) ROW(field, METRIC_GAUGE, name, help)

static const struct row rows[] = {
    COUNT(opened, "connections_opened_total", "Connections taken."),
    COUNT(refused_full, "connections_refused_total", "Connections refused: no session free."),
    COUNT(refused_source, "connections_refused_source_total",
          "Connections refused: too many from there that are not logged in."),
    GAUGE(sessions, "sessions", "Connections that are open or not yet told to the engine."),
    COUNT(logins_ok, "logins_accepted_total", "Logins accepted."),
    COUNT(logins_bad, "logins_bad_total", "Logins with an unknown user or a wrong password."),
    COUNT(logins_limited, "logins_limited_total", "Logins refused: too many failures from there."),
    COUNT(logins_elsewhere, "logins_elsewhere_total",
          "Logins refused: not from one of the account's networks, or not by one of its ports."),
    COUNT(logins_refused, "logins_refused_total",
          "Logins to a session or number that is not there."),
    COUNT(frames_in, "frames_in_total", "SoupBinTCP frames taken."),
    COUNT(frames_bad, "frames_bad_total", "Frames that ended a session."),
    COUNT(bytes_in, "in_bytes_total", "Bytes taken from clients."),
    COUNT(commands, "commands_total", "Commands put into the ring for clients."),
    COUNT(risk_rejects, "orders_marked_total", "Orders that the gateway marked to be rejected."),
    COUNT(malformed, "messages_malformed_total", "OUCH messages ignored as malformed."),
    COUNT(unknown, "messages_unknown_total", "OUCH messages of unknown types."),
    COUNT(debug_frames, "debug_frames_total", "Debug frames ignored."),
    COUNT(ring_full_stops, "ring_full_stops_total",
          "Times that reading stopped: command ring full."),
    COUNT(space_stops, "space_stops_total",
          "Times that reading stopped: the journal's disk is at its hard mark."),
    COUNT(space_rejects, "space_rejects_total",
          "Orders marked for rejection: the journal's disk is below its low mark."),
    COUNT(rate_stops, "rate_stops_total",
          "Times that reading stopped: the account's messages come above the stop rate."),
    COUNT(rate_rejects, "rate_rejects_total",
          "Orders marked for rejection: the account's orders come above the reject rate."),
    COUNT(rate_waits, "rate_waits_total",
          "Times that reading stopped: the account's rates were still at another gateway."),
    COUNT(rates_full, "rates_full_total",
          "Orders marked for rejection: the account does more things at once than are watched."),
    COUNT(tokens_ignored, "tokens_ignored_total",
          "OUCH 4.2 messages ignored: their token stands for nothing, or was used before."),
    COUNT(tokens_full, "tokens_full_total",
          "OUCH 4.2 orders marked for rejection: no room for their tokens."),
    GAUGE(tokens_used, "tokens_used", "OUCH 4.2 tokens of the day."),
    COUNT(tokens_learned, "tokens_learned_total",
          "Messages read again for their tokens before a login was told."),
    COUNT(quota_stops, "quota_stops_total", "Times that reading stopped: a turn's quota used up."),
    COUNT(messages_out, "messages_out_total", "Sequenced messages sent from the stores."),
    COUNT(bytes_out, "out_bytes_total", "Bytes given to the transport."),
    COUNT(heartbeats_out, "heartbeats_out_total", "Server heartbeats sent."),
    COUNT(replays, "replays_total", "Times that a session went to the reader for old messages."),
    COUNT(replayed, "messages_replayed_total", "Sequenced messages sent from the reader."),
    COUNT(copied, "messages_copied_total", "Messages sent to drop copies."),
    COUNT(copy_refused, "copy_requests_refused_total",
          "OUCH messages of drop copies, which may say nothing: rejected or ignored."),
    COUNT(reader_none, "reader_none_total", "Answers of the reader without messages."),
    GAUGE(store_free, "store_chunks_free", "Free store chunks beyond the accounts' own."),
    GAUGE(store_free_min, "store_chunks_free_min", "Low-water mark of the free store chunks."),
    COUNT(moved_in, "accounts_in_total", "Logins that brought an account from another gateway."),
    COUNT(moved_out, "accounts_out_total", "Logins that took an account to another gateway."),
    COUNT(moved_aside, "messages_aside_total",
          "Messages kept aside: the account's store was still at another gateway."),
    COUNT(moved_joined, "stores_joined_total", "Stores taken over with what they held."),
    COUNT(moved_replaced, "stores_replaced_total",
          "Stores taken over without what they held: messages between were missing."),
    COUNT(moved_through, "accounts_through_total",
          "Accounts that went on before their store had come."),
    COUNT(moved_back, "accounts_back_total",
          "Accounts that were back before their store had gone."),
    COUNT(events, "events_total", "Events taken from the engine."),
};

struct session_end_row {
    u8 reason; /* enum unbind_reason */
    const char *label;
};

static const struct session_end_row session_ends[] = {
    {UNBIND_CLOSED, "closed"},     {UNBIND_LOGOUT, "logout"},     {UNBIND_SILENT, "silent"},
    {UNBIND_TAKEOVER, "takeover"}, {UNBIND_PROTOCOL, "protocol"}, {UNBIND_SLOW, "slow"},
    {UNBIND_SHUTDOWN, "shutdown"}, {UNBIND_EXPELLED, "expelled"},
};
_Static_assert(ARRAY_LEN(session_ends) < ARRAY_LEN(((struct session_metrics *)0)->ended),
               "the last one counts any other");

const char *session_end_word(enum unbind_reason reason)
{
    for (u32 i = 0; i < ARRAY_LEN(session_ends); i++)
        if (session_ends[i].reason == reason)
            return session_ends[i].label;
    return "other";
}

struct metric *session_metric_ended(struct sessions *S, enum unbind_reason reason)
{
    u32 i = 0;

    while (i < ARRAY_LEN(session_ends) && session_ends[i].reason != reason)
        i++;
    return &S->metrics.ended[i];
}

struct session_reason_row {
    u16 reason; /* enum ouch5_reason, enum risk_reason */
    const char *label;
};

static const struct session_reason_row session_reasons[] = {
    {RISK_DISPLAY, "display"},
    {RISK_MAX_FLOOR, "max_floor"},
    {OUCH5_INVALID_PEG, "peg_type"},
    {OUCH5_INVALID_SIDE, "side"},
    {OUCH5_PROCESSING, "space"},
    {OUCH5_NOT_AUTHORIZED, "drop_copy"},
    {OUCH5_OTHER, "other"},
    {RISK_PEGGING, "pegging"},
    {OUCH5_INVALID_QTY, "quantity"},
    {OUCH5_INVALID_CROSS, "cross"},
    {RISK_UNKNOWN_SYMBOL, "symbol"},
    {OUCH5_INVALID_PRICE, "price"},
    {RISK_ISO, "risk_iso"},
    {RISK_COLLAR, "risk_collar"},
    {RISK_SYMBOL_RATE, "risk_symbol_rate"},
    {OUCH5_PORT_RATE, "risk_port_rate"},
    {RISK_REPEATED, "risk_repeated"},
    {RISK_SHORT, "risk_short"},
    {RISK_MARKET, "risk_market"},
    {RISK_EXEMPT, "risk_exempt"},
    {RISK_NOTIONAL, "risk_notional"},
    {RISK_QUANTITY, "risk_quantity"},
    {OUCH5_INVALID_AIQ, "aiq"},
};
_Static_assert(ARRAY_LEN(session_reasons) < ARRAY_LEN(((struct session_metrics *)0)->reasons),
               "the last one counts any other");

struct metric *session_metric_reason(struct sessions *S, u16 reason)
{
    u32 i = 0;

    while (i < ARRAY_LEN(session_reasons) && session_reasons[i].reason != reason)
        i++;
    return &S->metrics.reasons[i];
}

void session_metrics_register(struct sessions *S, const char *labels)
{
    char with_reason[64];

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        const u8 *at = (const u8 *)&S->metrics + rows[i].offset;
        metrics_register(rows[i].name, labels, rows[i].help, rows[i].kind,
                         (const struct metric *)(const void *)at);
    }
    for (u32 i = 0; i < ARRAY_LEN(session_reasons); i++) {
        snprintf(with_reason, sizeof with_reason, "%s,reason=\"%s\"", labels,
                 session_reasons[i].label);
        metrics_register("wirebook_gateway_orders_marked_by_reason_total", with_reason,
                         "Orders that the gateway marked to be rejected.", METRIC_COUNTER,
                         &S->metrics.reasons[i]);
    }
    for (u32 i = 1; i < SESSION_REASONS; i++) {
        snprintf(with_reason, sizeof with_reason, "%s,reason=\"0x%04x\"", labels, i);
        metrics_register("wirebook_gateway_rejected_total", with_reason,
                         "Orders rejected by gateway or engine, by OUCH reason.", METRIC_COUNTER,
                         &S->metrics.rejected[i]);
    }
    for (u32 i = 0; i < ARRAY_LEN(session_ends); i++) {
        snprintf(with_reason, sizeof with_reason, "%s,reason=\"%s\"", labels,
                 session_ends[i].label);
        metrics_register("wirebook_gateway_sessions_ended_total", with_reason, "Sessions ended.",
                         METRIC_COUNTER, &S->metrics.ended[i]);
    }
}
