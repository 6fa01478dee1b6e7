/*
 * steer.h - main's helper: what operators may ask of a running topology, by socket or by signal.
 */
#ifndef WIREBOOK_GATEWAY_STEER_H
#define WIREBOOK_GATEWAY_STEER_H

#include "gateway/renew.h"

struct steer;

/*
 * Gives the admin agent of parts->topology the requests to serve; with control.socket in `conf` it
 * listens there. To be called once the topology is open and before its threads start; all must
 * outlive it but `conf`. NULL after one log line when it cannot.
 */
struct steer *steer_open(const struct conf *conf, const struct renew_parts *parts);

/* The files are to be read again. Any thread; what comes of it is in the log. */
void steer_reload(struct steer *s);

/* An operator has asked for the end of the process. Any thread. */
bool steer_drains(const struct steer *s);

/* gateway.drain_notice_ms and gateway.drain_timeout_ms as they are in force, in ns. Any thread. */
u64 steer_drain_notice_ns(const struct steer *s);
u64 steer_drain_timeout_ns(const struct steer *s);

/* After the threads have ended. NULL is legal. */
void steer_close(struct steer *s);

#endif
