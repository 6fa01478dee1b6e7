/*
 * ctl_print.c - see ctl.h: answers as tables and sentences. Pure but for its output.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/admin/ctl.h"

struct column {
    const char *title;
    const char *key;
    int width; /* negative: to the left */
    bool price;
};

static const struct column account_columns[] = {
    {"USER", "user", -6, false},
    {"FIRM", "firm", -4, false},
    {"CONN", "connected", 4, false},
    {"OFF", "disabled", 3, false},
    {"KILL", "killed", 4, false},
    {"GW", "gateway", 2, false},
    {"OPEN", "orders_open", 8, false},
    {"MAX", "orders_open_max", 8, false},
    {"NEXT", "next_session_seq", 10, false},
    {"DIALECT", "dialect", -7, false},
};

static const struct column stage_columns[] = {
    {"STAGE", "stage", -10, false}, {"ORDERS", "count", 12, false},  {"P50", "p50_ns", 10, false},
    {"P99", "p99_ns", 10, false},   {"P99.9", "p999_ns", 10, false}, {"MAX", "max_ns", 12, false},
};

static const struct column instrument_columns[] = {
    {"SYMBOL", "symbol", -8, false},
    {"PH", "phase", -2, false},
    {"BID", "bid", 11, true},
    {"SHARES", "bid_shares", 8, false},
    {"ASK", "ask", 11, true},
    {"SHARES", "ask_shares", 8, false},
    {"LAST", "last", 11, true},
    {"LOWER", "band_lower", 11, true},
    {"UPPER", "band_upper", 11, true},
    {"TICK", "tick", 7, true},
    {"LOT", "lot", 5, false},
    {"COLLAR", "collar_bps", 6, false},
    {"X", "cross", -1, false},
    {"CROSS", "cross_price", 11, true},
    {"PAIRED", "cross_paired", 8, false},
    {"MORE", "cross_imbalance", 8, false},
    {"OF", "cross_side", -2, false},
};

static const struct column profile_columns[] = {
    {"PROFILE", "profile", -8, false},
    {"BASE", "base", -8, false},
    {"QTY", "qty", 7, false},
    {"NOTIONAL", "notional", 16, true},
    {"COLLAR", "collar_bps", 6, false},
    {"ORD/S", "orders", 7, false},
    {"SYM/S", "symbol_orders", 7, false},
    {"REP", "repeat", 5, false},
    {"MS", "repeat_ms", 5, false},
    {"EXPOSURE", "exposure", 18, true},
    {"DAILY", "daily", 18, true},
    {"POSITION", "position", 10, false},
    {"LAST", "last_bps", 5, false},
    {"OPEN", "open", 8, false},
    {"FORBID", "forbid", -12, false},
    {"INHERIT", "inherit", -1, false},
};

static const struct column list_columns[] = {
    {"SYMBOL", "symbol", -8, false}, {"LIST", "list", -10, false},
    {"USER", "user", -6, false},     {"FIRM", "firm", -4, false},
    {"ON", "listed", 3, false},      {"BY OPERATOR", "by_operator", -11, false},
};

static void words_text(const json_t *words, char *out, size_t bytes)
{
    size_t i, used = 0;
    const json_t *word;

    json_array_foreach(words, i, word)
    {
        int n = snprintf(out + used, bytes - used, "%s%s", i ? "," : "", json_string_value(word));
        used = used + (size_t)n < bytes ? used + (size_t)n : bytes - 1;
    }
}

static void cell(const struct column *c, const json_t *v, FILE *out)
{
    char text[128] = "";

    if (json_is_array(v))
        words_text(v, text, sizeof text);
    else if (!v) /* this row has none */
        text[0] = '\0';
    else if (json_is_string(v))
        snprintf(text, sizeof text, "%s", json_string_value(v));
    else if (json_is_boolean(v))
        snprintf(text, sizeof text, "%s", json_is_true(v) ? "yes" : "-");
    else if (c->price && json_integer_value(v) == 0)
        snprintf(text, sizeof text, "-");
    else if (c->price)
        snprintf(text, sizeof text, "%lld.%04lld", json_integer_value(v) / 10000,
                 json_integer_value(v) % 10000);
    else
        snprintf(text, sizeof text, "%lld", json_integer_value(v));
    fprintf(out, "%*s", c->width, text);
}

static void table(const struct column *columns, u32 used, const json_t *rows, bool connected,
                  FILE *out)
{
    size_t i;
    const json_t *row;

    for (u32 c = 0; c < used; c++)
        fprintf(out, "%*s%s", columns[c].width, columns[c].title, c + 1 < used ? " " : "\n");
    json_array_foreach(rows, i, row)
    {
        if (connected && !json_is_true(json_object_get(row, "connected")))
            continue;
        for (u32 c = 0; c < used; c++) {
            cell(&columns[c], json_object_get(row, columns[c].key), out);
            fputc(c + 1 < used ? ' ' : '\n', out);
        }
    }
}

/* Each of the venue's facts as a line. */
static void facts(json_t *venue, FILE *out)
{
    const char *key;
    json_t *v;

    json_object_foreach(venue, key, v)
    {
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        bool quoted = json_is_string(v);
        fprintf(out, "%-14s %s\n", key, quoted ? json_string_value(v) : text ? text : "");
        free(text);
    }
}

static void data_print(const char *command, json_t *data, FILE *out)
{
    if (strcmp(command, "status") == 0)
        facts(json_array_get(data, 0), out);
    else if (strcmp(command, "stages") == 0)
        table(stage_columns, ARRAY_LEN(stage_columns), data, false, out);
    else if (strcmp(command, "instruments") == 0)
        table(instrument_columns, ARRAY_LEN(instrument_columns), data, false, out);
    else if (strcmp(command, "profiles") == 0)
        table(profile_columns, ARRAY_LEN(profile_columns), data, false, out);
    else if (strcmp(command, "lists") == 0)
        table(list_columns, ARRAY_LEN(list_columns), data, false, out);
    else
        table(account_columns, ARRAY_LEN(account_columns), data, strcmp(command, "sessions") == 0,
              out);
}

static long long number_of(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

/* A title and the words of a list, on a line. */
static void words_print(const char *title, const json_t *list, FILE *out)
{
    size_t i;
    const json_t *word;

    if (json_array_size(list) == 0)
        return;
    fprintf(out, "%s:", title);
    json_array_foreach(list, i, word) fprintf(out, " %s", json_string_value(word));
    fputc('\n', out);
}

/* What a reload has changed, and what it has not. */
static void reload_print(json_t *answer, FILE *out)
{
    const char *key;
    json_t *n;

    words_print("applied", json_object_get(answer, "applied"), out);
    json_object_foreach(json_object_get(answer, "changes"), key, n)
    {
        if (json_integer_value(n) > 0)
            fprintf(out, "%s: %lld\n", key, json_integer_value(n));
    }
    words_print("needs a restart", json_object_get(answer, "restart"), out);
}

/* What the engine has answered to a command. */
static void outcome_print(const char *command, json_t *answer, FILE *out)
{
    const char *outcome = json_string_value(json_object_get(answer, "outcome"));
    const char *text = json_string_value(json_object_get(answer, "text"));

    fprintf(out, "%s: %s%s%s", command, outcome, text && *text ? ": " : "", text ? text : "");
    if (json_object_get(answer, "seq"))
        fprintf(out, " (request %lld, transaction %lld", number_of(answer, "request"),
                number_of(answer, "seq"));
    if (number_of(answer, "orders_gone") > 0)
        fprintf(out, ", %lld orders gone", number_of(answer, "orders_gone"));
    fputs(json_object_get(answer, "seq") ? ")\n" : "\n", out);
}

static int exit_of(const json_t *answer)
{
    static const struct {
        const char *outcome;
        int code;
    } rows[] = {
        {"done", CTL_DONE},     {"nothing", CTL_NOTHING}, {"refused", CTL_REFUSED},
        {"denied", CTL_DENIED}, {"timeout", CTL_TIMEOUT}, {"error", CTL_USAGE},
    };
    const char *outcome = json_string_value(json_object_get(answer, "outcome"));

    for (u32 i = 0; outcome && i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].outcome, outcome) == 0)
            return rows[i].code;
    return CTL_UNREACHABLE;
}

int ctl_print(const char *command, json_t *answer, bool as_json, FILE *out)
{
    int code = exit_of(answer);
    json_t *data = json_object_get(answer, "data");

    if (as_json) {
        json_dumpf(answer, out, JSON_COMPACT);
        fputc('\n', out);
    } else if (code == CTL_DONE && data) {
        data_print(command, data, out);
    } else if (code == CTL_DONE && strcmp(command, "metrics") == 0) {
        fputs(json_string_value(json_object_get(answer, "text")), out);
    } else {
        outcome_print(command, answer, code == CTL_DONE || code == CTL_NOTHING ? out : stderr);
        if (code == CTL_DONE && strcmp(command, "reload") == 0)
            reload_print(answer, out);
    }
    return code;
}
