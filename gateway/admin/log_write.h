/*
 * log_write.h - what the log's thread writes: text, JSON lines, or journald's fields. Cold.
 *
 *   text      2026-11-22T09:30:00.000001Z info  login: user=ALFA01 gateway=0
 *   json      {"time":"2026-...Z","level":"info","event":"login","user":"ALFA01","gateway":"0"}
 *   journald  PRIORITY=6 WIREBOOK_EVENT=login WIREBOOK_USER=ALFA01 WIREBOOK_GATEWAY=0 MESSAGE=...
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_LOG_WRITE_H
#define WIREBOOK_GATEWAY_ADMIN_LOG_WRITE_H

#include "engine/base/log.h"

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNALD };

/*
 * From now on records are written so; `path` is journald's socket, NULL the usual one. False after
 * one line to standard error with the remedy: journald is not there. Before the threads start.
 */
bool log_write_open(enum log_format format, const char *path);

/* Closes what was opened; text again. After the threads have ended. */
void log_write_close(void);

#endif
