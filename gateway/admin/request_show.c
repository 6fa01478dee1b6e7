/* request_show.c - what looks have seen, and the stages, as JSON (request.h). Thread: admin. */
#include <string.h>

#include "engine/base/stamps.h"
#include "gateway/admin/request.h"

json_t *request_text(const char *padded, u32 n)
{
    while (n > 0 && (padded[n - 1] == ' ' || padded[n - 1] == 0))
        n--;
    return json_stringn_nocheck(padded, n);
}

static json_t *phase_text(u8 phase)
{
    char c = (char)phase;

    return json_stringn_nocheck(&c, 1);
}

static json_t *show_venue(const struct msg_seen *s)
{
    const struct seen_venue *v = &s->venue;
    json_t *firms = json_array();

    for (u32 i = 0; i < v->firms_used && i < KILLED_FIRMS_MAX; i++)
        json_array_append_new(firms, request_text(v->firms[i], 4));
    return json_pack("{sI si si so sb sb sb so si si si si si sI sI}", "seq",
                     (json_int_t)s->head.seq, "day", (int)v->day, "day_last", (int)v->day_last,
                     "phase", phase_text(v->phase), "wide", v->wide, "late", v->late, "killed",
                     v->killed, "killed_firms", firms, "accounts", (int)v->accounts, "instruments",
                     (int)v->instruments, "orders_open", (int)v->orders_open, "orders_max",
                     (int)v->orders_max, "trades_broken", (int)v->broken, "next_match",
                     (json_int_t)v->next_match, "epoch", (json_int_t)v->epoch);
}

static json_t *show_account(const struct msg_seen *s)
{
    const struct seen_account *a = &s->account;
    union msg m;

    memset(&m, 0, sizeof m);
    memcpy((u8 *)&m + sizeof m.ev, a->terms, sizeof a->terms);
    return json_pack("{si so so so sb sb sb sb si si si sI ss}", "account", (int)s->id, "checks",
                     request_show_checks(a), "user", request_text(m.account.user, 6), "firm",
                     request_text(m.account.firm, 4), "connected", a->bind_id != 0,
                     "disabled_by_file", m.account.disabled, "disabled", a->barred, "killed",
                     a->killed, "gateway", (int)a->gateway, "orders_open", (int)a->open,
                     "orders_open_max", (int)a->open_max, "next_session_seq",
                     (json_int_t)a->next_session_seq, "dialect",
                     a->stream == 0   ? "none"
                     : a->stream == 1 ? "ouch50"
                                      : "ouch42");
}

/* What its next cross would give now, when one is near. */
static void show_cross(json_t *json, const struct seen_instrument *i)
{
    json_object_set_new(json, "cross", phase_text(i->cross));
    if (!i->found) /* more prices meet than a look may look at */
        return;
    json_object_set_new(json, "cross_price", json_integer((json_int_t)i->cross_price));
    json_object_set_new(json, "cross_paired", json_integer((json_int_t)i->paired));
    json_object_set_new(json, "cross_imbalance", json_integer((json_int_t)i->imbalance));
    json_object_set_new(json, "cross_side", phase_text(i->side));
}

static json_t *show_instrument(const struct msg_seen *s)
{
    const struct seen_instrument *i = &s->instrument;
    union msg m;

    memset(&m, 0, sizeof m);
    memcpy((u8 *)&m + sizeof m.ev, i->terms, sizeof i->terms);
    json_t *json = json_pack(
        "{si so so sb sb sb sb si si si si si si si si si sI sI si si}", "instrument", (int)s->id,
        "symbol", request_text(m.instrument.symbol, 8), "phase", phase_text(i->phase), "wide",
        i->wide, "late", i->late, "halted_by_file", m.instrument.halted, "by_operator",
        m.instrument.by_operator, "tick", (int)m.instrument.tick, "lot", (int)m.instrument.lot,
        "tier", (int)m.instrument.tier, "collar_bps", (int)m.instrument.collar_bps,
        "reference_price", (int)m.instrument.reference_price, "band_lower", (int)i->lower,
        "band_upper", (int)i->upper, "bid", (int)i->bid, "ask", (int)i->ask, "bid_shares",
        (json_int_t)i->bid_qty, "ask_shares", (json_int_t)i->ask_qty, "last", (int)i->last,
        "queued", (int)i->queued);
    if (i->cross)
        show_cross(json, i);
    return json;
}

json_t *request_show(const struct msg_seen *seen)
{
    switch (seen->what) {
    case LOOK_VENUE:
        return show_venue(seen);
    case LOOK_ACCOUNT:
        return show_account(seen);
    case LOOK_PROFILE:
        return request_show_profile(seen);
    case LOOK_LISTED:
        return request_show_listed(seen);
    default:
        return show_instrument(seen);
    }
}

json_t *request_show_stages(void)
{
    static struct histogram h;
    json_t *list = json_array();
    char label[48];

    for (u32 i = 0; i < STAGES; i++) {
        snprintf(label, sizeof label, "stage=\"%s\"", stage_name((enum stage)i));
        if (metrics_histogram("wirebook_stage_seconds", label, &h) == 0)
            continue;
        json_array_append_new(
            list,
            json_pack("{ss sI sI sI sI sI}", "stage", stage_name((enum stage)i), "count",
                      (json_int_t)h.count, "p50_ns", (json_int_t)histogram_percentile(&h, 50),
                      "p99_ns", (json_int_t)histogram_percentile(&h, 99), "p999_ns",
                      (json_int_t)histogram_percentile(&h, 99.9), "max_ns", (json_int_t)h.max));
    }
    return list;
}
