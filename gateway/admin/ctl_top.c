/*
 * ctl_top.c - see ctl.h: the live screen of wirebook-ctl. Enters: `metrics` and `status` of the
 * control socket. Leaves: a frame of at most 24 lines of 80 columns, by ncurses or as text.
 *
 * It asks anew for each frame, so a venue that went and came back is simply there again; while it
 * is away the screen says so and keeps the last numbers. Each frame is built in one buffer of fixed
 * size: it can be left open for days. `q` ends it; a resize is followed with the next frame.
 */
#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "gateway/admin/ctl.h"

#define LINES_MAX  24u
#define LINE_CHARS 81u

struct frame {
    char lines[LINES_MAX][LINE_CHARS];
    u32 used;
};

/* Counters whose rates are shown. */
static const struct {
    const char *title;
    const char *name;
} rates[] = {
    {"transactions", "wirebook_engine_transactions_total"},
    {"fills", "wirebook_engine_fills_total"},
    {"rejects", "wirebook_engine_rejects_total"},
    {"events", "wirebook_gateway_events_total"},
};

struct sample {
    double at_s;
    double counters[ARRAY_LEN(rates)];
};

struct top {
    const struct ctl_conf *conf;
    struct sample last; /* at_s 0: none yet */
    struct frame frame;
    bool away;
};

__attribute__((format(printf, 2, 3))) static void line(struct frame *f, const char *format, ...)
{
    va_list args;

    if (f->used == LINES_MAX)
        return;
    va_start(args, format);
    vsnprintf(f->lines[f->used++], LINE_CHARS, format, args);
    va_end(args);
}

/* ---- metrics as text ---- */

static const char *line_next(const char *at)
{
    at = strchrnul(at, '\n');
    return *at ? at + 1 : at;
}

/* `at` is a line of metric `name`. */
static bool is_of(const char *at, const char *name)
{
    size_t n = strlen(name);

    return strncmp(at, name, n) == 0 && (at[n] == '{' || at[n] == ' ');
}

static double value_of(const char *at)
{
    const char *end = strchrnul(at, '\n');

    while (end > at && end[-1] != ' ')
        end--;
    return strtod(end, NULL);
}

static double sum_of(const char *text, const char *name)
{
    double sum = 0;

    for (const char *at = text; *at; at = line_next(at))
        sum += is_of(at, name) ? value_of(at) : 0;
    return sum;
}

/* The value of label `label` to `out`. */
static void label_of(const char *at, const char *label, char out[32])
{
    const char *found = strstr(at, label);

    out[0] = '\0';
    if (found && found < strchrnul(at, '\n'))
        snprintf(out, 32, "%.*s", (int)strcspn(found + strlen(label), "\""), found + strlen(label));
}

static double now_s(void)
{
    return (double)clock_now_ns() / NS_PER_SEC;
}

/* ---- the frame ---- */

static long long venue_number(json_t *venue, const char *key)
{
    return json_integer_value(json_object_get(venue, key));
}

static void head_make(struct frame *f, json_t *venue, const char *text)
{
    const char *phase = json_string_value(json_object_get(venue, "phase"));
    bool killed = json_is_true(json_object_get(venue, "killed"));

    line(f, "day %lld  phase %s%s  epoch %lld  transaction %lld", venue_number(venue, "day"),
         phase ? phase : "?", killed ? " KILLED" : "", venue_number(venue, "epoch"),
         venue_number(venue, "seq"));
    line(f, "sessions %.0f  open orders %lld of %lld  accounts %lld  instruments %lld",
         sum_of(text, "wirebook_gateway_sessions"), venue_number(venue, "orders_open"),
         venue_number(venue, "orders_max"), venue_number(venue, "accounts"),
         venue_number(venue, "instruments"));
    line(f, "ready %.0f  agents stuck %.0f  export lag %.0f transactions, %.1f s",
         sum_of(text, "wirebook_ready"), sum_of(text, "wirebook_agents_stuck"),
         sum_of(text, "wirebook_export_lag_transactions"),
         sum_of(text, "wirebook_export_lag_seconds"));
}

static void rates_make(struct top *t, const char *text)
{
    struct sample now = {.at_s = now_s()};
    double span_s = now.at_s - t->last.at_s;

    line(&t->frame, "%-24s %14s %14s", "", "a second", "in all");
    for (u32 i = 0; i < ARRAY_LEN(rates); i++) {
        now.counters[i] = sum_of(text, rates[i].name);
        double grown = now.counters[i] - t->last.counters[i];
        bool known = t->last.at_s > 0 && grown >= 0; /* a new process counts from 0 */
        line(&t->frame, "%-24s %14.0f %14.0f", rates[i].title, known ? grown / span_s : 0,
             now.counters[i]);
    }
    t->last = now;
}

/* The agents' longest turns, and the rings that were fullest. */
static void worst_make(struct frame *f, const char *text, const char *name, const char *label,
                       const char *title, double scale, u32 max)
{
    char of[32];
    u32 shown = 0;

    line(f, "%-24s %14s", title, scale > 1 ? "us" : "slots");
    for (const char *at = text; *at && shown < max; at = line_next(at)) {
        if (!is_of(at, name) || value_of(at) <= 0)
            continue;
        label_of(at, label, of);
        line(f, "  %-22s %14.0f", of, value_of(at) * scale);
        shown++;
    }
}

static void frame_make(struct top *t, json_t *venue, const char *text)
{
    t->frame.used = 0;
    head_make(&t->frame, venue, text);
    rates_make(t, text);
    worst_make(&t->frame, text, "wirebook_agent_turn_max_seconds", "agent=\"", "longest turn of",
               1e6, 8);
    worst_make(&t->frame, text, "wirebook_ring_used_max_slots", "ring=\"", "most used of ring", 1,
               6);
}

/* ---- asking ---- */

static json_t *ask(struct top *t, const char *command)
{
    json_t *request = json_pack("{ss}", "command", command);
    json_t *answer = NULL;

    if (ctl_ask(t->conf, request, &answer) != CTL_DONE)
        answer = NULL;
    json_decref(request);
    return answer;
}

/* Returns CTL_DONE when there is a new frame. */
static int look(struct top *t)
{
    json_t *metrics = ask(t, "metrics");
    json_t *status = metrics ? ask(t, "status") : NULL;
    const char *text = json_string_value(json_object_get(metrics, "text"));
    json_t *venue = json_array_get(json_object_get(status, "data"), 0);
    const char *outcome = json_string_value(json_object_get(metrics, "outcome"));
    int rc = CTL_DONE;

    if (outcome && strcmp(outcome, "denied") == 0)
        rc = CTL_DENIED;
    else if (!text || !venue)
        rc = CTL_UNREACHABLE;
    else
        frame_make(t, venue, text);
    t->away = rc != CTL_DONE;
    json_decref(metrics);
    json_decref(status);
    return rc;
}

/* ---- the screen ---- */

static void draw(const struct top *t)
{
    erase();
    for (u32 i = 0; i < t->frame.used && (int)i < LINES - 1; i++)
        mvaddnstr((int)i, 0, t->frame.lines[i], COLS);
    attron(A_REVERSE);
    mvprintw(LINES - 1, 0, "%-*.*s", COLS - 1, COLS - 1,
             t->away ? "the venue is away: the last numbers; q ends" : "q ends");
    attroff(A_REVERSE);
    refresh();
}

static int screen(struct top *t, double interval_s)
{
    if (!freopen("/dev/null", "w", stderr) || !initscr()) /* lines of ctl_ask would tear it */
        return CTL_UNREACHABLE;
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    timeout((int)(interval_s * 1000));
    for (int key = 0; key != 'q'; key = getch())
        if (key != KEY_RESIZE || t->frame.used == 0) {
            look(t);
            draw(t);
        } else {
            draw(t);
        }
    endwin();
    return CTL_DONE;
}

int ctl_top(const struct ctl_conf *conf, bool once, double interval_s)
{
    struct top t = {.conf = conf};
    int rc = CTL_DONE;

    clock_init();
    if (!once)
        return screen(&t, interval_s);
    for (u32 i = 0; i < 2 && rc == CTL_DONE; i++) { /* the second one has rates */
        if (i > 0)
            nanosleep(&(struct timespec){.tv_sec = (time_t)interval_s,
                                         .tv_nsec = (long)(interval_s * 1e9) % 1000000000},
                      NULL);
        rc = look(&t);
    }
    for (u32 i = 0; rc == CTL_DONE && i < t.frame.used; i++)
        puts(t.frame.lines[i]);
    return rc;
}
