/*
 * ctl_top.c - see ctl.h: the live screen of wirebook-ctl. Enters: `metrics`, `status` and `stages`
 * of the control socket. Leaves: a frame of lines of 80 columns, as many as the screen has (24 as
 * text), by ncurses or as text; what wants somebody's eye stands out.
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

#define LINES_MAX  64u
#define LINES_TEXT 24u
#define LINE_CHARS 81u

struct frame {
    char lines[LINES_MAX][LINE_CHARS];
    bool alarm[LINES_MAX]; /* it says that something is wrong */
    u32 used;
    u32 room; /* lines that can be seen */
    u64 made_ns;
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

    if (f->used >= min_u32(f->room, LINES_MAX))
        return;
    f->alarm[f->used] = false;
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

#define LAG_ALARM_S 60 /* as the alert WirebookExportBehind has it */

static long long venue_number(json_t *venue, const char *key)
{
    return json_integer_value(json_object_get(venue, key));
}

/* The letter's words, as the log has them. */
static const char *phase_words(const char *letter)
{
    static const char *const words[] = {
        "P before the opening", "O opening cross", "T trading", "C closing cross",
        "X extended hours",     "Z closed",        "H halted",  "V volatility pause",
    };

    for (u32 i = 0; letter && i < ARRAY_LEN(words); i++)
        if (words[i][0] == letter[0])
            return words[i] + 2;
    return letter ? letter : "?";
}

static void head_make(struct frame *f, json_t *venue, const char *text)
{
    bool killed = json_is_true(json_object_get(venue, "killed"));
    bool ready = sum_of(text, "wirebook_ready") > 0;
    double stuck = sum_of(text, "wirebook_agents_stuck");
    double lag_s = sum_of(text, "wirebook_export_lag_seconds");

    line(f, "day %lld  %s%s  epoch %lld  transaction %lld", venue_number(venue, "day"),
         phase_words(json_string_value(json_object_get(venue, "phase"))), killed ? "  KILLED" : "",
         venue_number(venue, "epoch"), venue_number(venue, "seq"));
    f->alarm[f->used - 1] = killed;
    line(f, "sessions %.0f  open orders %lld of %lld  accounts %lld  instruments %lld",
         sum_of(text, "wirebook_gateway_sessions"), venue_number(venue, "orders_open"),
         venue_number(venue, "orders_max"), venue_number(venue, "accounts"),
         venue_number(venue, "instruments"));
    line(f, "%s  agents stuck %.0f  export lag %.0f transactions, %.1f s",
         ready ? "ready" : "NOT READY", stuck, sum_of(text, "wirebook_export_lag_transactions"),
         lag_s);
    f->alarm[f->used - 1] = !ready || stuck > 0 || lag_s > LAG_ALARM_S;
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

/* Percentiles since the start, from the venue's own histograms. */
static void stages_make(struct frame *f, json_t *stages)
{
    size_t i;
    json_t *s;

    line(f, "%-24s %10s %10s %10s %12s", "stage, us", "p50", "p99", "p99.9", "orders");
    if (json_array_size(stages) == 0)
        line(f, "  not measured: stages.enabled is off");
    json_array_foreach(stages, i, s)
    {
        line(f, "  %-22s %10.2f %10.2f %10.2f %12lld",
             json_string_value(json_object_get(s, "stage")),
             (double)venue_number(s, "p50_ns") / 1e3, (double)venue_number(s, "p99_ns") / 1e3,
             (double)venue_number(s, "p999_ns") / 1e3, venue_number(s, "count"));
    }
}

/* A row of the lower half. */
struct worst {
    char name[32];
    double now, most, room;
};
#define WORST_MAX 256u

static int by_most(const void *a, const void *b)
{
    const struct worst *x = a, *y = b;
    double d = y->most / (y->room + 1e-9) - x->most / (x->room + 1e-9);

    return d < 0 ? -1 : d > 0;
}

/* The metrics called `name`, in the order in which they come, to one field of `rows`. */
static u32 worst_read(const char *text, const char *name, const char *label, struct worst *rows,
                      size_t field)
{
    u32 used = 0;

    for (const char *at = text; *at && used < WORST_MAX; at = line_next(at)) {
        if (!is_of(at, name))
            continue;
        if (label)
            label_of(at, label, rows[used].name);
        *(double *)(void *)((u8 *)&rows[used++] + field) = value_of(at);
    }
    return used;
}

/* The agents' longest turns, and beside them the rings that were fullest. */
static void worst_make(struct frame *f, const char *text)
{
    static struct worst agents[WORST_MAX], rings[WORST_MAX];
    u32 a = worst_read(text, "wirebook_agent_turn_max_seconds", "agent=\"", agents,
                       offsetof(struct worst, most));
    u32 r = worst_read(text, "wirebook_ring_used_max_slots", "ring=\"", rings,
                       offsetof(struct worst, most));

    worst_read(text, "wirebook_ring_used_slots", NULL, rings, offsetof(struct worst, now));
    worst_read(text, "wirebook_ring_slots", NULL, rings, offsetof(struct worst, room));
    qsort(agents, a, sizeof agents[0], by_most);
    qsort(rings, r, sizeof rings[0], by_most);
    line(f, "%-18s %10s   %-18s %7s %7s %7s", "longest turn of", "us", "most used of ring", "now",
         "most", "slots");
    for (u32 i = 0; i < a || i < r; i++) {
        char left[32] = "", right[48] = "";
        if (i < a)
            snprintf(left, sizeof left, "  %-16.16s %10.0f", agents[i].name, agents[i].most * 1e6);
        if (i < r)
            snprintf(right, sizeof right, "  %-16.16s %7.0f %7.0f %7.0f", rings[i].name,
                     rings[i].now, rings[i].most, rings[i].room);
        line(f, "%-29s   %s", left, right);
    }
}

static void frame_make(struct top *t, json_t *venue, const char *text, json_t *stages)
{
    t->frame.used = 0;
    t->frame.made_ns = clock_now_ns();
    head_make(&t->frame, venue, text);
    rates_make(t, text);
    stages_make(&t->frame, stages);
    worst_make(&t->frame, text);
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
    json_t *stages = status ? ask(t, "stages") : NULL;
    const char *text = json_string_value(json_object_get(metrics, "text"));
    json_t *venue = json_array_get(json_object_get(status, "data"), 0);
    const char *outcome = json_string_value(json_object_get(metrics, "outcome"));
    int rc = CTL_DONE;

    if (outcome && strcmp(outcome, "denied") == 0)
        rc = CTL_DENIED;
    else if (!text || !venue)
        rc = CTL_UNREACHABLE;
    else
        frame_make(t, venue, text, json_object_get(stages, "data"));
    t->away = rc != CTL_DONE;
    json_decref(metrics);
    json_decref(status);
    json_decref(stages);
    return rc;
}

/* ---- the screen ---- */

/* What the frame's numbers are of: an old one looks like a new one. */
static void foot_draw(const struct top *t)
{
    time_t at_s = (time_t)(t->frame.made_ns / NS_PER_SEC);
    char at[16], text[80];
    struct tm tm;

    gmtime_r(&at_s, &tm);
    strftime(at, sizeof at, "%H:%M:%S UTC", &tm);
    if (t->frame.made_ns == 0)
        snprintf(text, sizeof text, "the venue is away; q ends");
    else
        snprintf(text, sizeof text, "%s%s; q ends",
                 t->away ? "the venue is away: the numbers of " : "", at);
    attron(A_REVERSE);
    mvprintw(LINES - 1, 0, "%-*.*s", COLS - 1, COLS - 1, text);
    attroff(A_REVERSE);
}

static void draw(const struct top *t)
{
    erase();
    for (u32 i = 0; i < t->frame.used && (int)i < LINES - 1; i++) {
        if (t->frame.alarm[i])
            attron(A_STANDOUT);
        mvaddnstr((int)i, 0, t->frame.lines[i], COLS);
        attroff(A_STANDOUT);
    }
    foot_draw(t);
    refresh();
}

/* The next key; ERR when there was none for so long. Where nobody can press one any more, because
 * the input has ended, that is no reason to ask the venue without a pause. */
static int key_wait(double interval_s)
{
    u64 until_ns = clock_now_ns() + (u64)(interval_s * NS_PER_SEC);
    int key = getch();
    u64 now_ns = clock_now_ns();

    if (key == ERR && now_ns < until_ns)
        clock_sleep_ns(until_ns - now_ns);
    return key;
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
    for (int key = 0; key != 'q'; key = key_wait(interval_s))
        if (key != KEY_RESIZE || t->frame.used == 0) {
            t->frame.room = LINES > 4 ? (u32)LINES - 1 : 3; /* the head is made in any case */
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
    struct top t = {.conf = conf, .frame.room = LINES_TEXT};
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
