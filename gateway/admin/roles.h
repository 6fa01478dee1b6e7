/*
 * roles.h - who is at the other end of the control socket, and what he may do. Cold, any thread.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_ROLES_H
#define WIREBOOK_GATEWAY_ADMIN_ROLES_H

#include <stdio.h>

#include "engine/base/types.h"

enum role {
    ROLE_NONE = 0,
    ROLE_VIEWER = 1,   /* looks */
    ROLE_OPERATOR = 2, /* ... and stops or lets go on: sessions, accounts, phases, kills */
    ROLE_ADMIN = 3,    /* ... and changes what the venue is: terms, limits, trades, days, its end */
};

/* The words of the config: names of users, and of groups behind an @, with spaces or commas between
 * them. The strings must outlive the struct. */
struct roles {
    const char *words[ROLE_ADMIN + 1]; /* by role; ROLE_NONE is not used */
};

/* Who connected, as the kernel says. */
struct peer {
    u32 uid;
    char user[33]; /* his name here; its number where he has none */
    enum role role;
};

/* The peer of the Unix socket `fd`, with the highest role that he has by himself or by any of his
 * groups; root, and the user that this process runs as, have all. False: nobody knows him. */
bool roles_peer(const struct roles *r, int fd, struct peer *out);

/* The role of a user by name and ids. `gids` are all of his groups. */
enum role roles_of(const struct roles *r, const char *user, u32 uid, const u32 *gids,
                   u32 gids_used);

/* Writes a line to `errors` for each user or group that this machine does not know; `group` is the
 * socket's, "": none of its own. Returns how many they are. */
int roles_check(const struct roles *r, const char *group, FILE *errors);

const char *role_name(enum role role);

#endif
