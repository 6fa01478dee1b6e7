/*
 * client_run.c - one session of wirebook-client, from the login to the exit code.
 *
 * One thread. Enters: commands (client_command.h), one a line, and the messages of the venue.
 * Leaves: one line a message, an exit code. After the login it asks for the next free order number,
 * so that orders number themselves; then it runs command after command. A command that waits for
 * messages reads them from a cursor over what has come, so an answer that arrives early is not
 * missed.
 *
 * Where old messages are asked for, a first login (PROBE) only learns where the stream ends: the
 * answer to our query must not be mistaken for a replayed one.
 *
 *     (PROBE ->) LOGIN -> QUERY -> RUN -> LINGER -> BYE -> OVER    (any, on failure, -> OVER)
 *
 * Failure modes: each has its exit code; what went wrong is one line on stderr.
 */
#include "gateway/client/client_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "gateway/client/client_command.h"
#include "gateway/client/client_lines.h"
#include "gateway/client/client_options.h"
#include "gateway/client/client_print.h"
#include "gateway/client/wb_client.h"

#define INBOX  65536u           /* messages that a wait can look back at; a power of two */
#define BYE_NS (2 * NS_PER_SEC) /* how long the server may take to close after a logout */

enum phase {
    PHASE_PROBE, /* a login only to learn where the stream ends */
    PHASE_LOGIN,
    PHASE_QUERY, /* asked for the next number */
    PHASE_RUN,
    PHASE_LINGER, /* no more commands: until every order is answered */
    PHASE_BYE,    /* logged out: until the server closes */
    PHASE_OVER,
};

/* A message as a wait looks at it. */
struct seen {
    u64 seq;
    struct wb_msg msg;
};

struct app {
    const struct client_run *o;
    struct wb_login login;
    struct wb_client *client;
    enum phase phase;
    int code; /* exit code, once PHASE_OVER */
    u64 deadline_ns;
    u64 timeout_ns;
    bool logged_in; /* for good, not to probe */
    u64 stream_end; /* what has a higher number was made after our login */
    u32 next_ref;
    u32 last_ref;
    u32 unanswered; /* orders entered and not yet accepted or rejected */
    struct client_resume resume;
    u64 resume_written; /* the seq that the file has */

    u64 inbox_end; /* messages ever; the last INBOX of them are kept */
    u64 cursor;    /* those before it are consumed */
    struct seen inbox[INBOX];
    struct client_lines lines;
    struct command command;
    bool waiting;                 /* `command` is not done yet */
    u32 waited;                   /* WAIT_COUNT: how many have come */
    char text[CLIENT_LINE_BYTES]; /* the command as it was given, for error lines */
};

__attribute__((format(printf, 3, 4))) static void finish(struct app *a, int code,
                                                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (format != NULL) {
        fflush(stdout);
        fprintf(stderr, "wirebook-client: ");
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
    }
    va_end(args);
    a->code = code;
    a->phase = PHASE_OVER;
}

/* ---- the venue's side ---- */

static void remember(struct app *a, const struct wb_event *ev)
{
    struct seen *s = &a->inbox[a->inbox_end++ & (INBOX - 1)];
    s->seq = ev->seq;
    s->msg = ev->msg;
    s->msg.raw = NULL; /* the bytes do not outlive the event */
    if (a->inbox_end - a->cursor > INBOX)
        a->cursor = a->inbox_end - INBOX;
}

static void on_message(struct app *a, const struct wb_event *ev)
{
    u8 type = ev->msg.type;
    if (a->phase == PHASE_PROBE)
        return;
    client_print_message(a->o, ev);
    if (type == 'Q' && ev->msg.known)
        a->next_ref = max_u32(a->next_ref, ev->msg.user_ref);
    if (a->phase == PHASE_QUERY && type == 'Q' && ev->seq > a->stream_end) {
        a->last_ref = a->next_ref - 1;
        a->cursor = a->inbox_end;
        a->phase = PHASE_RUN;
        return;
    }
    if ((type == 'A' || type == 'J') && a->unanswered > 0 && a->phase >= PHASE_RUN)
        a->unanswered--;
    remember(a, ev);
}

static void on_logged_in(struct app *a, const struct wb_event *ev)
{
    char text[96];
    if (a->phase == PHASE_PROBE || a->login.seq == 0)
        a->stream_end = ev->seq;
    if (a->phase == PHASE_PROBE) {
        wb_client_logout(a->client, clock_now_ns());
        return;
    }
    snprintf(text, sizeof(text), "session %s, next message %llu", wb_client_session(a->client),
             (unsigned long long)ev->seq);
    client_print_line(a->o, "<-", 0, "logged in", text);
    if (a->o->json && !a->o->quiet)
        printf("{\"type\":\"logged in\",\"session\":\"%s\",\"seq\":%llu}\n",
               wb_client_session(a->client), (unsigned long long)ev->seq);
    a->deadline_ns = clock_now_ns() + a->timeout_ns;
    a->logged_in = true;
    a->phase = PHASE_RUN;
    if (!a->o->no_query) {
        wb_client_query(a->client);
        a->phase = PHASE_QUERY;
    }
}

/* Connects with the wanted sequence number, or first with 0 to learn where the stream ends. */
static void log_in(struct app *a, enum phase phase)
{
    struct wb_login login = a->login;
    if (phase == PHASE_PROBE)
        login.seq = 0;
    a->phase = phase;
    a->deadline_ns = clock_now_ns() + a->timeout_ns;
    const char *wrong =
        wb_client_connect(a->client, a->o->host, a->o->port, &login, clock_now_ns());
    if (wrong != NULL)
        finish(a, CLIENT_CONNECTION_LOST, "%s port %u: %s", a->o->host, a->o->port, wrong);
}

static void on_lost(struct app *a, const char *why)
{
    if (a->phase == PHASE_PROBE && a->stream_end != 0)
        log_in(a, PHASE_LOGIN);
    else if (a->phase == PHASE_BYE)
        finish(a, CLIENT_OK, NULL);
    else
        finish(a, CLIENT_CONNECTION_LOST, "connection lost: %s", why);
}

/* Keeps the resume file behind what was seen. */
static void keep_resume(struct app *a)
{
    u64 seq = wb_client_next_seq(a->client);
    const char *session = wb_client_session(a->client);
    if (a->o->resume_file == NULL || !a->logged_in || seq == a->resume_written)
        return;
    snprintf(a->resume.session, sizeof(a->resume.session), "%s", session);
    snprintf(a->resume.user, sizeof(a->resume.user), "%s", a->login.user);
    a->resume.seq = seq;
    a->resume_written = seq;
    const char *wrong = client_resume_write(a->o->resume_file, &a->resume);
    if (wrong != NULL)
        finish(a, CLIENT_USAGE, "%s: %s", a->o->resume_file, wrong);
}

/* ---- requests ---- */

static void take_ref(struct app *a, u32 ref)
{
    a->last_ref = ref;
    if (ref >= a->next_ref)
        a->next_ref = ref + 1;
}

static bool run_enter(struct app *a)
{
    struct wb_enter *e = &a->command.enter;
    char text[128];
    char price[WB_PRICE_TEXT];
    if (a->command.ref_auto)
        e->user_ref = a->next_ref;
    if (!wb_client_enter(a->client, e))
        return false;
    take_ref(a, e->user_ref);
    a->unanswered++;
    snprintf(text, sizeof(text), "ref %-6u %s %u %s @ %s  %s", e->user_ref, wb_side_text(e->side),
             e->qty, e->symbol, wb_price_text(price, e->price), wb_tif_text(e->tif));
    client_print_line(a->o, "->", 0, "enter", text);
    return true;
}

static bool run_replace(struct app *a)
{
    struct wb_replace *r = &a->command.replace;
    char text[128];
    char price[WB_PRICE_TEXT];
    if (a->command.target_last)
        r->orig_ref = a->last_ref;
    if (a->command.ref_auto)
        r->user_ref = a->next_ref;
    if (!wb_client_replace(a->client, r))
        return false;
    take_ref(a, r->user_ref);
    snprintf(text, sizeof(text), "ref %-6u was %-6u %u @ %s  %s", r->user_ref, r->orig_ref, r->qty,
             wb_price_text(price, r->price), wb_tif_text(r->tif));
    client_print_line(a->o, "->", 0, "replace", text);
    return true;
}

static bool run_cancel(struct app *a)
{
    char text[64];
    u32 ref = a->command.target_last ? a->last_ref : a->command.cancel_ref;
    if (!wb_client_cancel(a->client, ref, a->command.cancel_qty))
        return false;
    if (a->command.cancel_qty == 0)
        snprintf(text, sizeof(text), "ref %-6u all of it", ref);
    else
        snprintf(text, sizeof(text), "ref %-6u down to %u", ref, a->command.cancel_qty);
    client_print_line(a->o, "->", 0, "cancel", text);
    return true;
}

static bool run_query(struct app *a)
{
    bool queued = wb_client_query(a->client);
    if (queued)
        client_print_line(a->o, "->", 0, "query", "");
    return queued;
}

static bool run_raw(struct app *a)
{
    char hex[2 * COMMAND_RAW_BYTES + 1];
    if (!wb_client_raw(a->client, a->command.raw, a->command.raw_bytes))
        return false;
    wb_hex(hex, a->command.raw, a->command.raw_bytes);
    client_print_line(a->o, "->", 0, "raw", hex);
    return true;
}

static void say_bye(struct app *a)
{
    client_print_line(a->o, "->", 0, "logout", "");
    wb_client_logout(a->client, clock_now_ns());
    a->phase = PHASE_BYE;
    a->deadline_ns = clock_now_ns() + BYE_NS;
}

/* ---- waits ---- */

static void begin_wait(struct app *a, u64 ns)
{
    struct command_match *m = &a->command.match;
    a->waiting = true;
    a->waited = 0;
    a->deadline_ns = clock_now_ns() + ns;
    if ((m->fields & FIELD_REF) != 0 && a->command.target_last)
        m->ref = a->last_ref;
}

/* One message from the cursor on. Returns true when the wait is over. */
static bool consume(struct app *a, const struct seen *s)
{
    struct command *c = &a->command;
    bool system = s->msg.type == 'S' && c->match.type != 'S';
    bool good = command_matches(&c->match, &s->msg) && !system;
    char text[WB_LINE_BYTES];
    if (c->kind == COMMAND_WAIT_COUNT)
        return !system && ++a->waited >= c->count;
    if (good && c->kind != COMMAND_EXPECT_NONE)
        return true;
    if (c->kind == COMMAND_EXPECT || system)
        return false;
    wb_describe(text, &s->msg);
    finish(a, CLIENT_EXPECT_FAILED, "%s: %s %s came", a->text, wb_type_name(s->msg.type), text);
    return true;
}

/* Looks at what has come since. */
static void go_on_waiting(struct app *a)
{
    enum command_kind kind = a->command.kind;
    bool done = kind == COMMAND_WAIT_COUNT && a->command.count == 0;
    bool looks = kind != COMMAND_WAIT_TIME;
    while (looks && !done && a->cursor < a->inbox_end)
        done = consume(a, &a->inbox[a->cursor++ & (INBOX - 1)]);
    if (!done && clock_now_ns() >= a->deadline_ns) {
        if (kind == COMMAND_WAIT_COUNT || kind == COMMAND_EXPECT || kind == COMMAND_EXPECT_NEXT)
            finish(a, CLIENT_EXPECT_FAILED, "%s: nothing like it came in time", a->text);
        done = true;
    }
    if (done)
        a->waiting = false;
}

/* ---- commands ---- */

/* Runs `a->command`. False: the queue to the server is full, try again. */
static bool run(struct app *a)
{
    switch (a->command.kind) {
    case COMMAND_NONE:
        return true;
    case COMMAND_ENTER:
        return run_enter(a);
    case COMMAND_REPLACE:
        return run_replace(a);
    case COMMAND_CANCEL:
        return run_cancel(a);
    case COMMAND_QUERY:
        return run_query(a);
    case COMMAND_RAW:
        return run_raw(a);
    case COMMAND_TIMEOUT:
        a->timeout_ns = a->command.wait_ms * NS_PER_MS;
        return true;
    case COMMAND_ECHO:
        if (!a->o->json)
            puts(a->command.text);
        return true;
    case COMMAND_LOGOUT:
        a->phase = PHASE_LINGER;
        a->deadline_ns = clock_now_ns() + a->timeout_ns;
        return true;
    case COMMAND_QUIT:
        wb_client_flush(a->client, clock_now_ns());
        finish(a, CLIENT_OK, NULL);
        return true;
    case COMMAND_WAIT_TIME:
    case COMMAND_EXPECT_NONE:
        begin_wait(a, a->command.wait_ms * NS_PER_MS);
        return true;
    default:
        begin_wait(a, a->timeout_ns);
        return true;
    }
}

/* Commands one after the other, until one waits or there is none. */
static void run_commands(struct app *a)
{
    char line[CLIENT_LINE_BYTES];
    while (a->phase == PHASE_RUN) {
        if (a->waiting)
            go_on_waiting(a);
        if (a->waiting || a->phase != PHASE_RUN || !client_lines_next(&a->lines, line))
            break;
        snprintf(a->text, sizeof(a->text), "%s", line);
        a->text[strcspn(a->text, "\r\n")] = 0;
        const char *wrong = command_parse(&a->command, line);
        if (wrong != NULL) {
            finish(a, CLIENT_USAGE, "\"%s\": %s", a->text, wrong);
            return;
        }
        while (!run(a)) {
            if (!wb_client_live(a->client))
                return; /* what has become of it is told by an event */
            wb_client_flush(a->client, clock_now_ns());
            wb_client_wait(a->client, -1, NS_PER_MS);
        }
    }
    if (a->phase == PHASE_RUN && !a->waiting && a->lines.over) {
        a->phase = PHASE_LINGER;
        a->deadline_ns = clock_now_ns() + a->timeout_ns;
    }
}

static void on_event(struct app *a, const struct wb_event *ev)
{
    char text[96];
    switch (ev->kind) {
    case WB_LOGGED_IN:
        on_logged_in(a, ev);
        return;
    case WB_REJECTED:
        finish(a, CLIENT_LOGIN_REJECTED, "login rejected, %c: %s", ev->reason,
               wb_login_reject_text(ev->reason));
        return;
    case WB_MESSAGE:
        on_message(a, ev);
        return;
    case WB_MALFORMED:
        finish(a, CLIENT_CONNECTION_LOST, "message %llu is malformed: %s",
               (unsigned long long)ev->seq, ev->why);
        return;
    case WB_UNSEQUENCED:
    case WB_DEBUG:
        snprintf(text, sizeof(text), "%u bytes: %.*s", ev->raw_bytes,
                 (int)min_u32(ev->raw_bytes, 60), (const char *)ev->raw);
        client_print_line(a->o, "<-", 0, ev->kind == WB_DEBUG ? "debug" : "unsequenced", text);
        return;
    case WB_ENDED:
        client_print_line(a->o, "<-", 0, "end", "the session of the day has ended");
        run_commands(a); /* they have seen by then what there is for them to see */
        if (a->phase == PHASE_LINGER && a->unanswered == 0)
            say_bye(a);
        else if (a->phase < PHASE_BYE)
            finish(a, CLIENT_CONNECTION_LOST, "the session of the day has ended");
        return;
    default:
        on_lost(a, ev->why);
        return;
    }
}

/* What the phases around the commands wait for. */
static void check_phase(struct app *a)
{
    u64 now = clock_now_ns();
    if (a->phase <= PHASE_LOGIN && now >= a->deadline_ns)
        finish(a, CLIENT_CONNECTION_LOST, "no answer to the login");
    else if (a->phase == PHASE_QUERY && now >= a->deadline_ns)
        finish(a, CLIENT_CONNECTION_LOST,
               "no answer to the account query (--no-query does without)");
    else if (a->phase == PHASE_LINGER && (a->unanswered == 0 || now >= a->deadline_ns))
        say_bye(a);
    else if (a->phase == PHASE_BYE && now >= a->deadline_ns)
        finish(a, CLIENT_OK, NULL);
}

/* How long to sleep: until the deadline, at most as long as heartbeats allow. */
static u64 sleep_ns(const struct app *a)
{
    u64 now = clock_now_ns();
    bool timed = a->phase != PHASE_RUN || a->waiting;
    u64 left = timed && a->deadline_ns > now ? a->deadline_ns - now : 0;
    return timed ? min_u64(left, NS_PER_SEC / 4) : NS_PER_SEC / 4;
}

static void loop(struct app *a)
{
    struct wb_event ev;
    while (a->phase != PHASE_OVER) {
        while (a->phase != PHASE_OVER &&
               wb_client_poll(a->client, clock_now_ns(), &ev) != WB_NOTHING)
            on_event(a, &ev);
        keep_resume(a);
        run_commands(a);
        if (a->phase == PHASE_OVER)
            break;
        check_phase(a);
        wb_client_flush(a->client, clock_now_ns());
        fflush(stdout);
        if (a->phase == PHASE_OVER)
            break;
        bool reading = a->phase == PHASE_RUN && !a->waiting;
        wb_client_wait(a->client, reading ? a->lines.fd : -1, sleep_ns(a));
        a->lines.dry = false;
    }
}

int client_run(const struct client_run *o)
{
    struct app *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        fprintf(stderr, "wirebook-client: no memory\n");
        exit(1);
    }
    a->o = o;
    client_lines_init(&a->lines, o->lines_fd, o->commands, o->commands_used);
    a->next_ref = 1;
    a->timeout_ns = o->timeout_ms * NS_PER_MS;
    a->client = wb_client_new();
    a->login = o->login;
    const char *wrong = client_resume_login(o->resume_file, &a->login, &a->resume);
    if (wrong != NULL) {
        finish(a, CLIENT_USAGE, "%s: %s", o->resume_file, wrong);
    } else {
        log_in(a, a->login.seq == 0 || o->no_query ? PHASE_LOGIN : PHASE_PROBE);
        loop(a);
    }
    fflush(stdout);
    int code = a->code;
    wb_client_free(a->client);
    free(a);
    return code;
}
