/*
 * control.h - the control socket: a Unix socket by which operators on this machine steer the venue.
 *
 * A line of JSON in, a line of JSON out, one request of a connection at a time; request.h has the
 * commands, wirebook-ctl speaks it. Who may do what follows from the kernel's word on the peer
 * (roles.h). Served by the admin agent; never by a hot one.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_CONTROL_H
#define WIREBOOK_GATEWAY_ADMIN_CONTROL_H

#include "gateway/admin/operate.h"

#define CONTROL_PEERS_MAX  16u
#define CONTROL_LINE_BYTES 4096u
#define CONTROL_IDLE_NS \
    (10 * NS_PER_SEC) /* then one makes room for a newcomer, where all places are taken */

struct control_conf {
    const char *path;  /* of the socket; what lies there is replaced if nobody answers at it */
    const char *group; /* that may connect beside the process' own user; "": its own */
    struct roles roles;
};

struct control;

/* Listens. NULL after one log line with the remedy. The strings must outlive it. */
struct control *control_new(const struct control_conf *conf, struct operate *operate);

/* A turn. Returns how much it did. */
int control_do_work(struct control *c, u64 now_ns);

/* The answer to a request that answers by itself: the last one that had none. Whoever asked may be
 * gone. Takes `answer` over. */
void control_answer(struct control *c, json_t *answer);

/* From now on these roles. The strings must outlive it. */
void control_roles_set(struct control *c, const struct roles *roles);

/* Makes its metrics known. Once, before the threads start. */
void control_register_metrics(const struct control *c);

/* Closes all and removes the socket. NULL is legal. */
void control_free(struct control *c);

#endif
