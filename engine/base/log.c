/*
 * log.c - see log.h. A record is four slots: level and time, then the text.
 *
 * Rings are registered before the threads start; from then on each has one producer (its thread)
 * and one consumer (the log's thread).
 */
#include "engine/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "engine/base/clock.h"

#define RECORD_SLOTS     (LOG_LINE_BYTES / SLOT_BYTES)
#define LOG_RING_RECORDS 256u

struct record {
    u64 time_ns;
    u32 level;
    u32 dropped; /* lines lost before this one */
    char text[LOG_LINE_BYTES - 16];
} CACHE_ALIGNED;
_Static_assert(sizeof(struct record) == RECORD_SLOTS * SLOT_BYTES, "a record is whole slots");

static struct ring rings[LOG_RINGS_MAX];
static u32 rings_used;
static enum log_level level_min = LOG_INFO;

static _Thread_local struct ring *own_ring;
static _Thread_local u32 own_dropped;

void log_attach(struct ring *r)
{
    own_ring = r;
}

struct ring *log_ring_new(struct mem *m, const char *name)
{
    if (rings_used == LOG_RINGS_MAX)
        return NULL;
    ring_init(&rings[rings_used], m, name, LOG_RING_RECORDS * RECORD_SLOTS);
    return &rings[rings_used++];
}

void log_level_set(enum log_level level)
{
    level_min = level;
}

static void record_write(const struct record *rec)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    time_t sec = (time_t)(rec->time_ns / NS_PER_SEC);
    struct tm tm;
    char stamp[32];

    gmtime_r(&sec, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rec->dropped > 0)
        fprintf(stderr, "%s.%06uZ warn  %u log lines of this thread were dropped\n", stamp,
                (u32)(rec->time_ns % NS_PER_SEC / 1000), rec->dropped);
    fprintf(stderr, "%s.%06uZ %-5s %s\n", stamp, (u32)(rec->time_ns % NS_PER_SEC / 1000),
            names[rec->level], rec->text);
}

int log_do_work(void *unused, u64 now_ns)
{
    int lines = 0;

    (void)unused;
    (void)now_ns;
    for (u32 i = 0; i < rings_used; i++) {
        struct ring *r = &rings[i];
        while (ring_avail(r, RECORD_SLOTS) >= RECORD_SLOTS) {
            struct record rec;
            for (u32 s = 0; s < RECORD_SLOTS; s++)
                memcpy((u8 *)&rec + s * SLOT_BYTES, ring_at(r, s), SLOT_BYTES);
            ring_take(r, RECORD_SLOTS);
            record_write(&rec);
            lines++;
        }
    }
    return lines;
}

void log_line(enum log_level level, const char *format, ...)
{
    struct record rec;
    va_list args;

    if (level < level_min)
        return;
    memset(&rec, 0, sizeof rec);
    rec.time_ns = clock_now_ns();
    rec.level = level;
    rec.dropped = own_dropped;
    va_start(args, format);
    vsnprintf(rec.text, sizeof rec.text, format, args);
    va_end(args);
    for (char *c = rec.text; *c; c++) /* what a peer sent must not forge a line of its own */
        if ((u8)*c < ' ' || *c == 0x7F)
            *c = '?';

    if (!own_ring)
        record_write(&rec);
    else if (ring_push(own_ring, &rec, RECORD_SLOTS))
        own_dropped = 0;
    else
        own_dropped++;
}
