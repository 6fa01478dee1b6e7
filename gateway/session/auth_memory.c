/*
 * auth_memory.c - see auth_memory.h. Cold thread: the one that starts the process, then auth's.
 *
 * What enters: a directory, records of successes. What leaves: a key, the records of earlier lives
 * of the process. Invariant: the key is never written to a file. Failure modes: no keyring, no
 * file, a torn last record: each costs slow logins, never a wrong answer, because a record under
 * another key or for another stored hash matches nothing.
 */
#include "gateway/session/auth_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"
#include "engine/base/log.h"

#define FILE_NAME   "auth_digests"
#define DAY_SECONDS 86400u

/* The kernel's side of man 7 keyrings; glibc has no wrappers for it. */
static long key_find(const char *name)
{
    return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", name, 0);
}

static long key_add(const char *name, const u8 key[AUTH_DIGEST_BYTES])
{
    return syscall(SYS_add_key, "user", name, key, (size_t)AUTH_DIGEST_BYTES,
                   KEY_SPEC_USER_KEYRING);
}

static void key_live(const struct auth_memory *m)
{
    syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, m->keyring, m->days * DAY_SECONDS);
}

/* Each directory has a key of its own: two venues of one user know nothing of each other. */
static bool key_name(const char *dir, char out[PATH_MAX + 32])
{
    char path[PATH_MAX];

    if (realpath(dir, path) == NULL)
        return false;
    snprintf(out, PATH_MAX + 32, "wirebook:auth:%s", path);
    return true;
}

bool auth_memory_key(struct auth_memory *m, const char *dir, u32 days, u8 key[AUTH_DIGEST_BYTES])
{
    char name[PATH_MAX + 32];
    u8 known[AUTH_DIGEST_BYTES];

    memset(m, 0, sizeof *m);
    m->fd = -1;
    m->days = days;
    ASSERT(days >= 1 && days <= 365);
    if (!key_name(dir, name))
        return false;
    long serial = key_find(name);
    if (serial > 0 &&
        syscall(SYS_keyctl, KEYCTL_READ, serial, known, sizeof known) == (long)sizeof known) {
        memcpy(key, known, sizeof known);
        explicit_bzero(known, sizeof known);
    } else {
        serial = key_add(name, key); /* also in the place of one that has expired */
    }
    if (serial <= 0) {
        log_warn("auth: the kernel keeps no key (%s): after a restart each first login of an "
                 "account costs a full password hash",
                 strerror(errno));
        return false;
    }
    m->keyring = (i32)serial;
    key_live(m);
    return true;
}

static void path_of(char out[PATH_MAX], const char *dir, const char *suffix)
{
    snprintf(out, PATH_MAX, "%s/" FILE_NAME "%s", dir, suffix);
}

/* The lower half of a CRC-32C of all but the sum itself. */
static u16 record_sum(const struct auth_record *r)
{
    struct auth_record copy = *r;

    copy.sum = 0;
    return (u16)crc32c(0, &copy, sizeof copy);
}

static void damaged(const char *path, u64 offset, const char *what)
{
    log_warn("auth: %s, offset %llu: damaged: %s; the next login there costs a password hash", path,
             (unsigned long long)offset, what);
}

/* Copies what is still wanted of the old file to the new one. False: the disk does not take it. */
static bool copy_wanted(const char *old, int fd,
                        bool (*take)(void *ctx, const struct auth_record *r), void *ctx)
{
    struct auth_record r;
    bool ok = true;
    size_t n = 0;
    FILE *in = fopen(old, "re");

    if (in == NULL)
        return true;
    for (u64 at = 0; ok && (n = fread(&r, 1, sizeof r, in)) == sizeof r; at += n) {
        if (r.sum != record_sum(&r))
            damaged(old, at, "checksum");
        else
            ok = !take(ctx, &r) || write(fd, &r, sizeof r) == (ssize_t)sizeof r;
    }
    if (ok && (n > 0 || ferror(in)))
        damaged(old, (u64)ftell(in) - n, n > 0 ? "cut short" : strerror(errno));
    fclose(in);
    return ok;
}

void auth_memory_load(struct auth_memory *m, const char *dir,
                      bool (*take)(void *ctx, const struct auth_record *r), void *ctx)
{
    char old[PATH_MAX];
    char new[PATH_MAX];

    path_of(old, dir, "");
    path_of(new, dir, ".new");
    m->fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (m->fd >= 0 && fchmod(m->fd, 0600) == 0 && copy_wanted(old, m->fd, take, ctx) &&
        rename(new, old) == 0)
        return;
    log_warn("auth: %s cannot be written: %s: no login is remembered over a restart", old,
             strerror(errno));
    auth_memory_close(m);
}

void auth_memory_add(struct auth_memory *m, struct auth_record *r)
{
    r->sum = record_sum(r);
    if (m->fd < 0 || write(m->fd, r, sizeof *r) == (ssize_t)sizeof *r)
        return;
    log_warn("auth: a login could not be remembered: %s", strerror(errno));
    auth_memory_close(m);
}

void auth_memory_renew(struct auth_memory *m, u64 now_ns)
{
    if (m->keyring == 0 || now_ns < m->renew_ns)
        return;
    m->renew_ns = now_ns + DAY_SECONDS / 2 * NS_PER_SEC;
    key_live(m);
}

void auth_memory_close(struct auth_memory *m)
{
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
}
