/*
 * sources.h - addresses from which logins have failed: a bounded table, the oldest makes room.
 *
 * Plain struct of auth's thread; zero but for the first three fields is empty.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_SOURCES_H
#define WIREBOOK_GATEWAY_SESSION_SOURCES_H

#include "engine/base/types.h"

#define SOURCE_SETS 1024u
#define SOURCE_WAYS 4u

struct source {
    u32 ipv4; /* network order */
    u32 failures;
    u64 since_ns; /* the first of them */
};

struct sources {
    u64 seed; /* secret: clients choose their addresses */
    u64 window_ns;
    u32 failures_max; /* 0: no limit */
    struct source sets[SOURCE_SETS][SOURCE_WAYS];
};

/* Has the address failed so often within the window that it is not listened to? */
bool sources_limited(struct sources *t, u32 ipv4, u64 now_ns);

/* Has it failed within the window at all? */
bool sources_has(struct sources *t, u32 ipv4, u64 now_ns);

/* One more failure. */
void sources_failed(struct sources *t, u32 ipv4, u64 now_ns);

#endif
