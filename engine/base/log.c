/*
 * log.c - see log.h. A record is eight slots of a ring.
 *
 * Rings are registered before the threads start; from then on each has one producer (its thread)
 * and one consumer (the log's thread). So it is with the counts of what was left out: the place in
 * the code is known by its format, which is a literal; its thread counts, the log's thread tells.
 *
 * Failure modes: more places than LIMITS_MAX of one thread: those beyond are not limited.
 */
#include "engine/base/log.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"

#define RECORD_SLOTS (LOG_LINE_BYTES / SLOT_BYTES)
#define RING_RECORDS 256u
#define LIMITS_MAX   256u /* a power of two */

/* How often one place has spoken in the present second. */
struct limit {
    _Atomic(const char *) format; /* owner: the thread, as the following; NULL: free */
    _Atomic u64 since_ns;
    u32 count;
    _Atomic u32 left_out; /* in all */
    u32 told;             /* owner: the log's thread */
};

struct log_ring {
    struct ring ring;
    u32 dropped; /* owner: the thread */
    struct limit limits[LIMITS_MAX];
};

static struct log_ring *rings[LOG_RINGS_MAX];
static u32 rings_used;
static _Atomic u32 level_min = LOG_INFO;
static void (*writer)(const struct log_record *rec) = log_text;

static _Thread_local struct log_ring *own;

void log_attach(struct log_ring *r)
{
    own = r;
}

struct log_ring *log_ring_new(struct mem *m, const char *name)
{
    if (rings_used == LOG_RINGS_MAX)
        return NULL;
    struct log_ring *r = mem_alloc(m, sizeof *r, CACHE_LINE);
    ring_init(&r->ring, m, name, RING_RECORDS * RECORD_SLOTS);
    rings[rings_used++] = r;
    return r;
}

void log_level_set(enum log_level level)
{
    atomic_store_explicit(&level_min, level, memory_order_relaxed);
}

void log_writer_set(void (*write)(const struct log_record *rec))
{
    writer = write ? write : log_text;
}

void log_text(const struct log_record *rec)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    time_t sec = (time_t)(rec->time_ns / NS_PER_SEC);
    struct tm tm;
    char stamp[32];

    gmtime_r(&sec, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(stderr, "%s.%06uZ %-5s %s%s%s\n", stamp, (u32)(rec->time_ns % NS_PER_SEC / 1000),
            names[rec->level], rec->event ? rec->event : "", rec->event ? ": " : "", rec->text);
}

/* ---- the log's thread ---- */

static void tell(u64 time_ns, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(u64 time_ns, const char *event, const char *format, ...)
{
    struct log_record rec = {.time_ns = time_ns, .event = event, .level = LOG_WARN};
    va_list args;

    va_start(args, format);
    vsnprintf(rec.text, sizeof rec.text, format, args);
    va_end(args);
    writer(&rec);
}

static void record_write(const struct log_record *rec)
{
    if (rec->dropped > 0)
        tell(rec->time_ns, NULL, "%u log lines of this thread were dropped", rec->dropped);
    writer(rec);
}

/* The seconds that are over in which something was left out. */
static int left_out_tell(struct log_ring *r, u64 now_ns)
{
    char like[LOG_LINE_BYTES];
    int told = 0;

    for (u32 i = 0; i < LIMITS_MAX; i++) {
        struct limit *l = &r->limits[i];
        u32 left_out = atomic_load_explicit(&l->left_out, memory_order_relaxed);
        if (LIKELY(left_out == l->told) ||
            now_ns < atomic_load_explicit(&l->since_ns, memory_order_relaxed) + NS_PER_SEC)
            continue;
        tell(now_ns, "suppressed", "lines=%u thread=%s like=\"%s\"", left_out - l->told,
             r->ring.name,
             log_quoted(like, sizeof like, atomic_load_explicit(&l->format, memory_order_relaxed)));
        l->told = left_out;
        told++;
    }
    return told;
}

int log_do_work(void *unused, u64 now_ns)
{
    int lines = 0;

    (void)unused;
    for (u32 i = 0; i < rings_used; i++) {
        struct ring *r = &rings[i]->ring;
        while (ring_avail(r, RECORD_SLOTS) >= RECORD_SLOTS) {
            struct log_record rec;
            for (u32 s = 0; s < RECORD_SLOTS; s++)
                memcpy((u8 *)&rec + s * SLOT_BYTES, ring_at(r, s), SLOT_BYTES);
            ring_take(r, RECORD_SLOTS);
            record_write(&rec);
            lines++;
        }
        lines += left_out_tell(rings[i], now_ns);
    }
    return lines;
}

/* ---- any thread ---- */

/* The count of a place; NULL: there is no room for it. */
static struct limit *limit_find(struct log_ring *r, const char *format)
{
    u64 at = ((uintptr_t)format >> 2) * 0x9E3779B97F4A7C15ull >> 32;

    for (u32 i = 0; i < 8; i++) {
        struct limit *l = &r->limits[(at + i) % LIMITS_MAX];
        const char *there = atomic_load_explicit(&l->format, memory_order_relaxed);
        if (there == format)
            return l;
        if (there == NULL) {
            atomic_store_explicit(&l->format, format, memory_order_relaxed);
            return l;
        }
    }
    return NULL;
}

/* May this place speak once more? */
static bool limit_allows(struct log_ring *r, const char *format, u32 per_s, u64 now_ns)
{
    struct limit *l = limit_find(r, format);

    if (l == NULL)
        return true;
    if (now_ns - atomic_load_explicit(&l->since_ns, memory_order_relaxed) >= NS_PER_SEC) {
        atomic_store_explicit(&l->since_ns, now_ns, memory_order_relaxed);
        l->count = 0;
    }
    if (l->count++ < per_s)
        return true;
    atomic_fetch_add_explicit(&l->left_out, 1, memory_order_relaxed);
    return false;
}

/* What a peer sent must not forge a line of its own. */
static void tidy(char *text)
{
    for (char *c = text; *c; c++)
        if ((u8)*c < ' ' || *c == 0x7F)
            *c = '?';
}

static void make(enum log_level level, const char *event, u32 per_s, const char *format,
                 va_list args)
{
    struct log_record rec;

    if (level < atomic_load_explicit(&level_min, memory_order_relaxed))
        return;
    memset(&rec, 0, sizeof rec);
    rec.time_ns = clock_now_ns();
    if (own && !limit_allows(own, format, per_s, rec.time_ns))
        return;
    rec.level = level;
    rec.event = event;
    rec.dropped = own ? own->dropped : 0;
    vsnprintf(rec.text, sizeof rec.text, format, args);
    tidy(rec.text);
    if (!own)
        record_write(&rec);
    else if (ring_push(&own->ring, &rec, RECORD_SLOTS))
        own->dropped = 0;
    else
        own->dropped++;
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    make(level, NULL, LOG_LINES_PER_S, format, args);
    va_end(args);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    make(level, event, level >= LOG_WARN ? LOG_LINES_PER_S : LOG_EVENTS_PER_S, format, args);
    va_end(args);
}

const char *log_word(char *out, u32 bytes, const char *from, u32 n)
{
    while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == 0))
        n--;
    n = min_u32(n, bytes - 1);
    for (u32 i = 0; i < n; i++)
        out[i] = isalnum((u8)from[i]) || (from[i] && strchr(".+-=_/", from[i])) ? from[i] : '?';
    out[n] = '\0';
    return n > 0 ? out : "-";
}

const char *log_quoted(char *out, u32 bytes, const char *text)
{
    snprintf(out, bytes, "%s", text);
    for (char *c = out; *c; c++)
        if (*c == '"')
            *c = '\'';
    return out;
}
