/*
 * renew.h - main's helper: the running config, what a reload reads anew, and who is given what.
 *
 * Each live key's part (enum conf_live) has a function here that gives the part its new values; all
 * of them are called after everything was checked and the engine has taken its share, and none of
 * them can fail. Admin agent's thread, but where it says otherwise.
 */
#ifndef WIREBOOK_GATEWAY_RENEW_H
#define WIREBOOK_GATEWAY_RENEW_H

#include "gateway/admin/control.h"
#include "gateway/conf.h"
#include "gateway/refdata.h"
#include "gateway/topology.h"

struct renew;

/* What it gives to. `control` may be NULL; `auth`, too, in tests. All must outlive it. */
struct renew_parts {
    const char *path;     /* of the config; NULL: the defaults, only what they name is read again */
    struct refdata *refs; /* as loaded at the start; replaced by what was read last */
    struct topology *topology;
    struct auth *auth;
};

/* Before the threads start. `conf` is copied. */
struct renew *renew_new(const struct conf *conf, const struct renew_parts *parts);

/* Whose roles follow control.viewers, operators and admins. Before the threads start. */
void renew_control(struct renew *n, struct control *control);

/* The config as it is in force; its strings stay where they are. */
const struct conf *renew_conf(const struct renew *n);

/* Who may do what at the control socket, by `c`, whose strings it points to. */
struct roles renew_roles(const struct conf *c);

/* reload_conf's load, give and drop; `renew` is a struct renew. */
int renew_load(void *renew, const struct refdata **was, const struct refdata **is,
               struct refdata_max *max, FILE *errors);
bool renew_give(void *renew);
void renew_drop(void *renew);

/* The keys of the last load that differed from the running ones: those taken over, or those that
 * want a restart. Returns how many. */
u32 renew_changes(const struct renew *n, bool live, const char *paths[CONF_CHANGES_MAX]);

/* The two times of gateway.drain_*, in ns. Any thread. */
u64 renew_drain_notice_ns(const struct renew *n);
u64 renew_drain_timeout_ns(const struct renew *n);

/* After the threads have ended. NULL is legal. */
void renew_free(struct renew *n);

#endif
