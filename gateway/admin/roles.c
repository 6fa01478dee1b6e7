/*
 * roles.c - see roles.h. Enters: the kernel's word on a peer (SO_PEERCRED, SO_PEERGROUPS). Leaves:
 * his role. Thread: admin (cold: it asks the machine's user database). Failure modes: a user whom
 * that does not know is named by his number, and has the roles of his groups alone.
 */
#include "gateway/admin/roles.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 256u

const char *role_name(enum role role)
{
    static const char *const names[] = {"none", "viewer", "operator", "admin"};

    return names[role];
}

/* The next word of `*at` to `out`; false at the end. Words that are too long name nobody. */
static bool next_word(const char **at, char out[33])
{
    *at += strspn(*at, ", ");
    size_t n = strcspn(*at, ", ");

    if (n == 0)
        return false;
    snprintf(out, 33, "%.*s", n > 32 ? 0 : (int)n, *at);
    *at += n;
    return true;
}

static bool names(const char *words, const char *user, const u32 *gids, u32 gids_used)
{
    char word[33];

    while (words && next_word(&words, word)) {
        if (word[0] != '\0' && word[0] != '@' && strcmp(word, user) == 0)
            return true;
        const struct group *g = word[0] == '@' ? getgrnam(word + 1) : NULL;
        for (u32 i = 0; g && i < gids_used; i++)
            if (gids[i] == g->gr_gid)
                return true;
    }
    return false;
}

enum role roles_of(const struct roles *r, const char *user, u32 uid, const u32 *gids, u32 gids_used)
{
    if (uid == 0 || uid == geteuid())
        return ROLE_ADMIN;
    for (enum role role = ROLE_ADMIN; role > ROLE_NONE; role--)
        if (names(r->words[role], user, gids, gids_used))
            return role;
    return ROLE_NONE;
}

bool roles_peer(const struct roles *r, int fd, struct peer *out)
{
    struct ucred cred;
    socklen_t bytes = sizeof cred;
    gid_t gids[GROUPS_MAX + 1];
    socklen_t gids_bytes = GROUPS_MAX * sizeof gids[0];

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes) != 0)
        return false;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &gids_bytes) != 0)
        gids_bytes = 0;
    u32 used = gids_bytes / sizeof gids[0];
    gids[used++] = cred.gid;
    const struct passwd *p = getpwuid(cred.uid);
    out->uid = cred.uid;
    if (p)
        snprintf(out->user, sizeof out->user, "%s", p->pw_name);
    else
        snprintf(out->user, sizeof out->user, "%u", cred.uid);
    out->role = roles_of(r, p ? out->user : "", cred.uid, gids, used);
    return true;
}

int roles_check(const struct roles *r, const char *group, FILE *errors)
{
    char word[33];
    int bad = 0;

    if (group[0] && !getgrnam(group)) {
        fprintf(errors,
                "control.group: this machine has no such group '%s'; make it (groupadd), or take "
                "it out\n",
                group);
        bad++;
    }
    for (u32 role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        const char *at = r->words[role];
        while (at && next_word(&at, word)) {
            bool is_group = word[0] == '@';
            if (is_group ? getgrnam(word + 1) != NULL : getpwnam(word) != NULL)
                continue;
            fprintf(errors,
                    "control.%ss: this machine has no %s '%s'; make it (%s), or take it out\n",
                    role_name(role), is_group ? "group" : "user", word + is_group,
                    is_group ? "groupadd" : "useradd");
            bad++;
        }
    }
    return bad;
}
