/*
 * log.h - what people and machines are told, off the hot path.
 *
 *   any thread: log_line, log_event ═ its ring ═▶ the log's thread: a writer (text, JSON, journald)
 *
 * A thread that was given a ring by log_attach formats into it and goes on; the log's own thread
 * writes. Without a ring (start, tests, tools) the record is written at once. Each place in the
 * code has so many records a second and thread (LOG_LINES_PER_S, LOG_EVENTS_PER_S): more are
 * counted, and the count is told. A full ring drops the record and counts it; that is told, too,
 * with the next that fits. Nothing secret is ever logged.
 */
#ifndef WIREBOOK_BASE_LOG_H
#define WIREBOOK_BASE_LOG_H

#include <stdarg.h>

#include "engine/base/ring.h"
#include "engine/base/types.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

#define LOG_RINGS_MAX    32u
#define LOG_LINE_BYTES   512u  /* of a record; longer texts are cut; eight slots */
#define LOG_LINES_PER_S  20u   /* of one place and thread; of events, too, that warn */
#define LOG_EVENTS_PER_S 1000u /* of one place and thread */

/* What a writer gets. */
struct log_record {
    u64 time_ns;
    const char *event; /* NULL: `text` is a sentence; else it is key=value key="val ue" ... */
    u32 level;         /* enum log_level */
    u32 dropped;       /* records of the same thread that were lost before this one */
    char text[LOG_LINE_BYTES - 24];
};
_Static_assert(sizeof(struct log_record) == LOG_LINE_BYTES, "whole slots");

struct log_ring;

/* The calling thread's records go through `r` from now on; NULL: written at once. */
void log_attach(struct log_ring *r);

/* A ring for one more thread, known to log_do_work. Before the threads start. NULL: too many. */
struct log_ring *log_ring_new(struct mem *m, const char *name);

/* Records below `level` are not made. Any thread. */
void log_level_set(enum log_level level);

/* Who writes; NULL: text to standard error, which is so at first. Before the threads start. */
void log_writer_set(void (*write)(const struct log_record *rec));

/* The log's agent: writes what is in the rings, and what was left out. Cold thread. Returns the
 * number of records. */
int log_do_work(void *unused, u64 now_ns);

/* A sentence, no newline; control characters become '?'. Any thread. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * An event of that name (a literal, a word): `format` gives key=value pairs with spaces between
 * them; a value with spaces stands in double quotes. Values from outside go through log_word, or
 * stand last and quoted. Any thread.
 */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `n` bytes from outside as a value, to `out`: spaces and zeros at the end go, what is not a
 * letter, a digit or one of .+-=_/ becomes '?'; nothing left: "-". Returns out. */
const char *log_word(char *out, u32 bytes, const char *from, u32 n);

/* Text from outside for a quoted value, to `out`: its quotes become apostrophes. Returns out. */
const char *log_quoted(char *out, u32 bytes, const char *text);

/* The record as a line of text. */
void log_text(const struct log_record *rec);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
