/*
 * session_suite.h - what every client may rely on, as cases that run over any transport: logins,
 * orders, the release rule, replays, takeover, logout, heartbeats, silence, the day's end.
 */
#ifndef WIREBOOK_TESTS_SESSION_SUITE_H
#define WIREBOOK_TESTS_SESSION_SUITE_H

#include "tests/lib/wire.h"

/* Runs all cases as one cmocka group `name`, each over a new wire. Returns the failures. */
int session_suite_run(const char *name, struct wire *(*wire_new)(void));

#endif
