/*
 * log.h - lines for people, off the hot path.
 *
 * A hot thread that was given a log ring by log_attach formats its line into that ring; the log's
 * own thread writes it to stderr. Without a ring (start, tests, tools) the line is written at once.
 * A full ring drops the line and counts it; the count is reported with the next line that fits.
 * Nothing secret is ever logged.
 */
#ifndef WIREBOOK_BASE_LOG_H
#define WIREBOOK_BASE_LOG_H

#include "engine/base/ring.h"
#include "engine/base/types.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

#define LOG_RINGS_MAX  32u
#define LOG_LINE_BYTES 256u /* longer lines are cut; four slots */

/* The calling thread's lines go through ring `r` from now on. `r` was made by log_ring_new. */
void log_attach(struct ring *r);

/* A ring for one more thread, known to log_do_work. Before the threads start. NULL: too many. */
struct ring *log_ring_new(struct mem *m, const char *name);

/* Lines below `level` are not made. Before the threads start. */
void log_level_set(enum log_level level);

/* The log's agent: writes what is in the rings. Cold thread. Returns the number of lines. */
int log_do_work(void *unused, u64 now_ns);

/* A line of at most LOG_LINE_BYTES, no newline; control characters become '?'. Any thread. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
