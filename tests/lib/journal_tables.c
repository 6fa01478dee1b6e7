/* journal_tables.c - a journal against the tables of a real database. See journal_rows.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/journal_rows.h"
#include "tests/lib/services.h"

#define WHEN \
    "day, shard, seq, idx, to_char(time at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US'), ns"
#define WHO "session_seq, account, user_name, firm, symbol"

static bool same_text(const char *table, char *got, char *want, char *why, size_t bytes)
{
    u64 line = 1, at = 0;

    while (got && got[at] == want[at] && got[at] != '\0')
        line += got[at++] == '\n';
    bool same = got && got[at] == want[at];
    if (!same) {
        u64 from = at > 20 ? at - 20 : 0;
        snprintf(why, bytes, "%s: line %llu differs: got \"%.60s\", wanted \"%.60s\"", table,
                 (unsigned long long)line, got ? got + from : "nothing", want + from);
    }
    free(got);
    free(want);
    return same;
}

static bool same_number(const char *what, u64 got, u64 want, char *why, size_t bytes)
{
    if (got != want)
        snprintf(why, bytes, "%s: got %llu, wanted %llu", what, (unsigned long long)got,
                 (unsigned long long)want);
    return got == want;
}

bool journal_equals_tables(const struct made_journal *j, char *why, size_t bytes)
{
    return same_text("executions",
                     sql("select " WHEN ", " WHO ", order_ref, user_ref, user_ref_idx, side, qty, "
                         "price, liquidity, taker, match from executions order by seq, idx"),
                     journal_rows(j, 'E'), why, bytes) &&
           same_text("orders",
                     sql("select " WHEN ", " WHO ", event, order_ref, user_ref, user_ref_idx, "
                         "orig_user_ref, side, qty, leaves, price, tif, display, capacity, "
                         "cross_type, iso, reason, clordid, options from orders order by seq, idx"),
                     journal_rows(j, 'O'), why, bytes) &&
           same_text("rejects",
                     sql("select " WHEN ", " WHO ", request, user_ref, user_ref_idx, side, qty, "
                         "price, reason, clordid from rejects order by seq, idx"),
                     journal_rows(j, 'R'), why, bytes) &&
           same_text("broken_trades",
                     sql("select " WHEN ", session_seq, account, user_name, firm, match, user_ref, "
                         "user_ref_idx, reason, clordid from broken_trades order by seq, idx"),
                     journal_rows(j, 'B'), why, bytes) &&
           same_text("controls",
                     sql("select " WHEN ", session_seq, account, user_name, event, firm, symbol, "
                         "side, group_id, user_ref, user_ref_idx from controls order by seq, idx"),
                     journal_rows(j, 'K'), why, bytes) &&
           same_text("market",
                     sql("select " WHEN ", event, symbol, phase, next, cross_type, reason, wide, "
                         "late, to_char(until at time zone 'utc', 'HH24:MI:SS.US'), price, "
                         "reference, lower, upper, paired, imbalance, imbalance_side from market "
                         "order by seq, idx"),
                     journal_rows(j, 'M'), why, bytes) &&
           same_text("event_log",
                     sql("select day, shard, seq, (extract(epoch from time) * 1000000000)::bigint "
                         "+ ns, encode(messages, 'hex') from event_log order by seq"),
                     journal_rows(j, 'L'), why, bytes) &&
           same_number("sessions", sql_number("select count(*) from sessions"), j->sessions, why,
                       bytes) &&
           same_number("instruments", sql_number("select count(*) from instruments"),
                       MADE_INSTRUMENTS, why, bytes) &&
           same_number("accounts", sql_number("select count(*) from accounts"), MADE_ACCOUNTS, why,
                       bytes) &&
           same_number("mark", sql_number("select seq from export_mark where shard = 3"), j->txs,
                       why, bytes);
}
