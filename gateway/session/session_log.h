/*
 * session_log.h - what of sessions goes to the log: logins, refusals, logouts, bursts of rejects.
 * The gateway's thread; cold paths but for one comparison with each event of a stream.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_SESSION_LOG_H
#define WIREBOOK_GATEWAY_SESSION_SESSION_LOG_H

#include "gateway/session/session.h"

#define SESSION_REJECT_BURST 100u /* of one account within a second */

/* Login Accepted goes out. */
void session_log_login(const struct sessions *S, const struct session *s);

/* ... or Login Rejected, and why. */
void session_log_refused(const struct sessions *S, const struct session *s, const char *why);

/* The session of a client who was logged in ends. */
void session_log_logout(const struct sessions *S, const struct session *s,
                        enum unbind_reason reason);

/* A reject of the account: the SESSION_REJECT_BURST-th of a second is told. */
void session_log_reject(const struct sessions *S, struct account *a, u16 reason);

#endif
