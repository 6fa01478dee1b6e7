/*
 * bench_session.c - one session of the benchmark.
 *
 * One thread. Enters: the venue's messages, the schedule, the time. Leaves: requests, latencies,
 * lines of the log, contradictions.
 *
 * Happy path: the first login asks for the most recent message only (0), so that everything with a
 * higher number is known to be ours; the account query gives the first free order number; then
 * requests go out as they are due and each message of the stream is logged, then taken into
 * account.
 *
 * After a loss: log in with the session and the first number that was never seen (or, with
 * verify_replay, with 1: what was seen before is compared by checksum and not taken into account
 * again), then send every unanswered request again in the order of the numbers.
 *
 * Failure modes: a rejected login and a loss without `reconnect` end the session; everything in the
 * stream that cannot be is counted in `wrong` and the first one kept in words.
 */
#include "gateway/client/bench_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"
#include "engine/base/hash.h"
#include "gateway/client/bench_run.h"

#define BACKOFF_MIN_NS (20 * NS_PER_MS)
#define BACKOFF_MAX_NS (500 * NS_PER_MS)

void bench_session_init(struct bench_session *s, struct bench_shared *shared, u32 index,
                        const struct wb_login *login)
{
    s->shared = shared;
    s->index = index;
    s->login = *login;
    s->client = wb_client_new();
    s->state = BENCH_CONNECTING;
    s->backoff_ns = BACKOFF_MIN_NS;
    ledger_init(&s->ledger, s->flow.symbols->name_list,
                ledger_window(shared->sessions, s->flow.open_max));
}

void bench_session_free(struct bench_session *s)
{
    wb_client_free(s->client);
    ledger_free(&s->ledger);
    free(s->crcs);
}

static void fail(struct bench_session *s, int code, const char *what, const char *why)
{
    s->state = BENCH_OVER;
    s->failed = code;
    if (s->wrong > 0) /* the first contradiction says more */
        s->failed = BENCH_WRONG;
    else
        snprintf(s->why, sizeof(s->why), "%s: %s", what, why);
}

/* Something in the stream that cannot be. */
static void contradiction(struct bench_session *s, u64 seq, const char *what)
{
    if (s->wrong++ == 0)
        snprintf(s->why, sizeof(s->why), "message %llu: %s", (unsigned long long)seq, what);
}

/* ---- the connection ---- */

static void on_first_login(struct bench_session *s, u64 seq)
{
    memcpy(s->session, wb_client_session(s->client), sizeof(s->session));
    s->stream_end = seq;
    s->next_seq = seq;
    s->crc_base = seq;
    s->state = BENCH_QUERYING;
    s->query_owed = true;
}

static void on_resumed(struct bench_session *s, u64 seq)
{
    u64 wanted = s->shared->verify_replay ? 1 : s->next_seq;
    if (seq != wanted)
        contradiction(s, seq, "the venue resumes the stream at another number than was asked for");
    s->state = BENCH_READY;
    s->backoff_ns = BACKOFF_MIN_NS;
    s->lost_ns = 0;
    u32 first = s->ledger.first_ref;
    u32 window = s->ledger.window;
    s->again_end = s->ledger.next_ref;
    s->again_ref = s->again_end - first > window ? s->again_end - window : first;
    s->query_owed = s->query_owed || s->query_asked;
}

/* The request that is ready was queued, or is one of those that are sent again. */
static void made_is_sent(struct bench_session *s, u64 now_ns)
{
    struct bench_shared *shared = s->shared;
    u64 due = bench_pace_due(&s->pace);

    s->made_bytes = 0;
    shared->made--;
    shared->sent++;
    shared->next_ns = shared->gap_ns > 0 ? now_ns + shared->gap_ns : 0;
    if (bench_pace_measured(&s->pace)) {
        shared->first_due_ns = min_u64(shared->first_due_ns, due);
        shared->last_due_ns = max_u64(shared->last_due_ns, due);
        shared->measured++;
        shared->last_ns = max_u64(shared->last_ns, now_ns);
        if (now_ns > due)
            shared->late_max_ns = max_u64(shared->late_max_ns, now_ns - due);
    }
    bench_pace_next(&s->pace);
}

static void on_lost(struct bench_session *s, const char *why, u64 now_ns)
{
    if (s->state == BENCH_OVER)
        return;
    if (s->made_bytes > 0)
        made_is_sent(s, now_ns);
    s->losses += s->state != BENCH_RESUMING;
    if (!s->shared->reconnect || s->next_seq == 0) {
        fail(s, BENCH_LOST, "connection lost", why);
        return;
    }
    if (s->lost_ns == 0)
        s->lost_ns = now_ns;
    if (now_ns - s->lost_ns > s->shared->reconnect_ns) {
        fail(s, BENCH_LOST, "connection lost for good", why);
        return;
    }
    /* Up to a quarter more, so that many sessions do not come back in one moment. */
    u64 jitter = hash_2u64(s->index, now_ns, 0) % (s->backoff_ns / 4);
    s->retry_ns = now_ns + s->backoff_ns + jitter;
    s->backoff_ns = min_u64(2 * s->backoff_ns, BACKOFF_MAX_NS);
    s->state = BENCH_AGAIN;
}

void bench_session_connect(struct bench_session *s, u64 now_ns)
{
    struct wb_login login = s->login;
    bool first = s->next_seq == 0;
    s->state = first ? BENCH_CONNECTING : BENCH_RESUMING;
    memcpy(login.session, s->session, sizeof(login.session));
    login.seq = first ? 0 : s->shared->verify_replay ? 1 : s->next_seq;
    const char *wrong =
        wb_client_connect(s->client, s->shared->host, s->shared->port, &login, now_ns);
    if (wrong != NULL)
        on_lost(s, wrong, now_ns);
}

/* ---- the stream ---- */

static void remember_crc(struct bench_session *s, u64 seq, u32 crc)
{
    u64 i = seq - s->crc_base;
    if (i >= s->crc_room) {
        s->crc_room = max_u64(2 * s->crc_room, 65536);
        s->crcs = realloc(s->crcs, s->crc_room * sizeof(*s->crcs));
        if (s->crcs == NULL) {
            fprintf(stderr, "wirebook-bench: no memory for more checksums\n");
            exit(1);
        }
    }
    s->crcs[i] = crc;
}

/* A message that was seen before. */
static void compare(struct bench_session *s, const struct wb_event *ev)
{
    if (ev->seq < s->crc_base || !s->shared->verify_replay)
        return;
    s->replayed++;
    if (crc32c(0, ev->raw, ev->raw_bytes) != s->crcs[ev->seq - s->crc_base])
        contradiction(s, ev->seq, "a replayed message is not what it was");
}

static void log_message(const struct bench_session *s, const struct wb_event *ev)
{
    char hex[2 * 256 + 1];
    wb_hex(hex, ev->raw, min_u32(ev->raw_bytes, 256));
    fprintf(s->shared->ack_log, "%s %llu %s\n", s->login.user, (unsigned long long)ev->seq, hex);
}

static void on_query(struct bench_session *s, const struct wb_event *ev)
{
    if (ev->seq <= s->stream_end)
        return;
    if (s->state == BENCH_QUERYING) {
        ledger_begin(&s->ledger, max_u32(ev->msg.user_ref, 1));
        s->state = BENCH_READY;
    }
    s->query_asked = false;
}

static void record(struct bench_shared *all, const struct ledger_answer *answer, u64 now_ns)
{
    u64 took_ns = now_ns > answer->due_ns ? now_ns - answer->due_ns : 0;

    histogram_record(&all->latency[answer->kind], took_ns);
    if (bench_cores_kept(&all->cores, answer->due_ns))
        histogram_record(&all->on_core, took_ns);
}

static void on_message(struct bench_session *s, const struct wb_event *ev, u64 now_ns)
{
    struct ledger_answer answer;
    if (ev->seq < s->next_seq) {
        compare(s, ev);
        return;
    }
    if (ev->seq > s->next_seq)
        contradiction(s, ev->seq, "a gap in the stream");
    s->next_seq = ev->seq + 1;
    s->full = false;
    if (s->shared->verify_replay)
        remember_crc(s, ev->seq, crc32c(0, ev->raw, ev->raw_bytes));
    if (s->shared->ack_log != NULL)
        log_message(s, ev);
    if (ev->kind == WB_MALFORMED) {
        contradiction(s, ev->seq, ev->why);
        return;
    }
    if (ev->msg.type == 'Q' && ev->msg.known)
        on_query(s, ev);
    if (s->state == BENCH_QUERYING)
        return; /* older than this run */
    u64 before = s->ledger.waiting;
    const char *wrong = ledger_take(&s->ledger, &ev->msg, &answer);
    s->shared->waiting -= before - s->ledger.waiting;
    if (wrong != NULL)
        contradiction(s, ev->seq, wrong);
    if (answer.measured)
        record(s->shared, &answer, now_ns);
}

static void on_event(struct bench_session *s, const struct wb_event *ev, u64 now_ns)
{
    switch (ev->kind) {
    case WB_LOGGED_IN:
        if (s->state == BENCH_CONNECTING)
            on_first_login(s, ev->seq);
        else
            on_resumed(s, ev->seq);
        return;
    case WB_REJECTED:
        if (s->state == BENCH_RESUMING && ev->reason == 'S')
            contradiction(s, s->next_seq, "the venue does not have what it sent before");
        fail(s, BENCH_LOGIN_REJECTED, "login rejected", wb_login_reject_text(ev->reason));
        return;
    case WB_MESSAGE:
    case WB_MALFORMED:
        on_message(s, ev, now_ns);
        return;
    case WB_ENDED:
        fail(s, BENCH_LOST, "the venue", "the session of the day has ended");
        return;
    case WB_LOST:
        on_lost(s, ev->why, now_ns);
        return;
    default: /* unsequenced and debug packets */
        return;
    }
}

/* ---- what is owed ---- */

static bool has_room(const struct bench_session *s)
{
    return s->state == BENCH_READY && wb_client_room(s->client) >= WB_REQUEST_MAX + 3;
}

static bool raw(struct bench_session *s, const u8 *bytes, u32 n)
{
    bool queued = wb_client_raw(s->client, bytes, n);
    ASSERT(queued); /* has_room was asked */
    return queued;
}

/* Sends unanswered requests of before a loss again, while there is room. */
static void send_again(struct bench_session *s)
{
    u8 bytes[WB_REQUEST_MAX];
    for (; s->again_ref < s->again_end && has_room(s); s->again_ref++) {
        const struct ledger_order *o = ledger_find(&s->ledger, s->again_ref);
        if (o == NULL)
            continue;
        if (o->state == LEDGER_ENTERED || o->state == LEDGER_REPLACING)
            raw(s, bytes, bench_flow_again(&s->flow, o, bytes));
        else if (o->pending == 'X')
            raw(s, bytes, wb_encode_cancel(bytes, o->ref, 0, NULL));
    }
}

static void send_owed(struct bench_session *s)
{
    u8 bytes[WB_REQUEST_MAX];
    if (s->again_ref < s->again_end)
        send_again(s);
    bool querying = s->state == BENCH_QUERYING && wb_client_room(s->client) > WB_REQUEST_MAX;
    if (s->query_owed && s->again_ref >= s->again_end && (querying || has_room(s))) {
        s->query_owed = false;
        s->query_asked = true;
        raw(s, bytes, wb_encode_query(bytes, NULL));
    }
}

void bench_session_poll(struct bench_session *s, u64 now_ns)
{
    struct wb_event ev;
    if (s->state == BENCH_AGAIN && now_ns >= s->retry_ns)
        bench_session_connect(s, now_ns);
    while (wb_client_poll(s->client, now_ns, &ev) != WB_NOTHING)
        on_event(s, &ev, now_ns);
    FILE *log = s->shared->ack_log; /* what counts as seen is in the file */
    if (log != NULL && (fflush(log) != 0 || ferror(log)) && s->state != BENCH_OVER)
        fail(s, BENCH_USAGE, "--ack-log cannot be written", strerror(errno));
    send_owed(s);
}

void bench_session_ask(struct bench_session *s)
{
    s->query_owed = true;
    send_owed(s);
}

bool bench_session_quiet(const struct bench_session *s)
{
    return s->state == BENCH_READY && s->ledger.waiting == 0 && !s->query_owed && !s->query_asked &&
           s->again_ref >= s->again_end;
}

/* ---- the schedule ---- */

void bench_session_begin(struct bench_session *s, u64 seed)
{
    bench_pace_init(&s->pace, &s->shared->schedule, s->index, s->shared->sessions, seed);
}

u64 bench_session_due(const struct bench_session *s)
{
    if (!has_room(s) || s->full || s->again_ref < s->again_end)
        return UINT64_MAX;
    return max_u64(bench_pace_due(&s->pace), s->shared->next_ns);
}

/* Makes the next request. False: too much is unanswered for another one. */
static bool make_next(struct bench_session *s)
{
    if (s->made_bytes > 0)
        return true;
    u64 before = s->ledger.waiting;
    s->made_bytes = bench_flow_next(&s->flow, &s->ledger, bench_pace_due(&s->pace),
                                    bench_pace_measured(&s->pace), s->made);
    s->shared->waiting += s->ledger.waiting - before;
    s->shared->made += s->made_bytes > 0;
    return s->made_bytes > 0;
}

void bench_session_prepare(struct bench_session *s)
{
    if (bench_session_due(s) != UINT64_MAX)
        make_next(s);
}

void bench_session_send(struct bench_session *s, u64 now_ns)
{
    while (bench_session_due(s) <= now_ns) {
        if (!make_next(s)) {
            s->full = true; /* what comes then is measured from when it was due */
            return;
        }
        raw(s, s->made, s->made_bytes);
        made_is_sent(s, now_ns);
    }
}

bool bench_session_cancel_all(struct bench_session *s, u64 now_ns)
{
    u8 bytes[WB_REQUEST_MAX];
    while (s->ledger.open_used > 0 && has_room(s)) {
        struct ledger_order *o = ledger_find(&s->ledger, s->ledger.open[0]);
        ASSERT(o != NULL);
        ledger_cancel(&s->ledger, o, now_ns, false);
        s->shared->waiting++;
        raw(s, bytes, wb_encode_cancel(bytes, o->ref, 0, NULL));
    }
    return s->ledger.open_used == 0;
}

void bench_session_flush(struct bench_session *s, u64 now_ns)
{
    wb_client_flush(s->client, now_ns);
}

void bench_session_verify(struct bench_session *s, u64 now_ns)
{
    wb_client_close(s->client);
    s->replayed = 0;
    bench_session_connect(s, now_ns);
    s->query_owed = true; /* its answer comes behind the last replayed message */
}
