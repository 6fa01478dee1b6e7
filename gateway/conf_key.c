/*
 * conf_key.c - finds rows of the schema: by path, by section and name, by likeness; and by what
 * differs between two configurations (conf_schema.h, conf.h).
 *
 * Cold. Main's thread at the start, the admin agent's when the file is read again.
 */
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/conf_schema.h"

/* The prefix of a list's items ends in [], what follows a prefix is a dot and one more part. */
bool conf_key_in(const struct conf_key *key, const char *prefix, const char **name)
{
    size_t n = strlen(prefix);
    const char *rest = key->path;

    if (n > 0) {
        if (strncmp(key->path, prefix, n) != 0 || key->path[n] != '.')
            return false;
        rest += n + 1;
    }
    if (strpbrk(rest, ".[") != NULL)
        return false;
    *name = rest;
    return true;
}

int conf_key_find(const char *prefix, const char *name, size_t bytes)
{
    const char *last;

    for (u32 i = 0; i < conf_schema_used; i++)
        if (conf_key_in(&conf_schema[i], prefix, &last) && strlen(last) == bytes &&
            memcmp(last, name, bytes) == 0)
            return (int)i;
    return -1;
}

u32 conf_key_row(const char *path)
{
    for (u32 i = 0; i < conf_schema_used; i++)
        if (strcmp(conf_schema[i].path, path) == 0)
            return i;
    ASSERT(!"every path asked for is in the schema");
    return 0;
}

/* Edit distance with transpositions, for names of at most 31 characters; else a large number. */
static u32 distance(const char *a, const char *b)
{
    u32 d[33][33];
    size_t n = strlen(a), m = strlen(b);

    if (n > 31 || m > 31)
        return UINT32_MAX;
    for (u32 i = 0; i <= n; i++)
        d[i][0] = i;
    for (u32 j = 0; j <= m; j++)
        d[0][j] = j;
    for (u32 i = 1; i <= n; i++) {
        for (u32 j = 1; j <= m; j++) {
            u32 same = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = min_u32(same, 1 + min_u32(d[i - 1][j], d[i][j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = min_u32(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[n][m];
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

const struct conf_key *conf_key_like(const char *prefix, const char *name)
{
    const struct conf_key *best = NULL;
    u32 least = 1 + (u32)strlen(name) / 3; /* further away is another word */
    const char *last;

    for (u32 i = 0; i < conf_schema_used; i++) {
        if (!conf_key_in(&conf_schema[i], prefix, &last))
            continue;
        u32 d = distance(name, last);
        /* A missing or superfluous unit is the usual slip: heartbeat for heartbeat_ms. */
        if (strncmp(name, last, strlen(name)) == 0 && last[strlen(name)] == '_')
            d = min_u32(d, 1);
        if (d < least + (best == NULL)) {
            least = d;
            best = &conf_schema[i];
        }
    }
    for (u32 i = 0; i < conf_schema_used && (!best || least > 1); i++)
        if (strcmp(last_part(conf_schema[i].path), name) == 0)
            return &conf_schema[i]; /* the right name in the wrong section */
    return best;
}

/* ---- two configurations ---- */

static bool value_same(const struct conf_key *key, const void *a, const void *b)
{
    switch (key->type) {
    case CONF_TEXT:
    case CONF_CONNINFO:
    case CONF_HOSTS:
    case CONF_ZONE:
        return strcmp(a, b) == 0;
    default:
        return memcmp(a, b, key->size) == 0; /* a number or two, without holes */
    }
}

static u32 items_of(const struct conf_key *list, const struct conf *c)
{
    u32 used;

    memcpy(&used, (const u8 *)c + list->used_at, sizeof used);
    return used;
}

/* What follows from the difference of two lists of equal length; `*differ` says whether any is. */
static enum conf_live items_differ(const struct conf_key *list, const u8 *a, const u8 *b, u32 used,
                                   bool *differ)
{
    size_t n = strlen(list->path);
    enum conf_live live = CONF_RESTART;

    *differ = false;
    for (const struct conf_key *key = list + 1;
         key < conf_schema + conf_schema_used && strncmp(key->path, list->path, n) == 0 &&
         key->path[n] == '[';
         key++) {
        for (u32 i = 0; i < used; i++) {
            u32 at = i * list->size + key->at;
            if (value_same(key, a + at, b + at))
                continue;
            if (key->live == CONF_RESTART || (*differ && live != key->live)) {
                *differ = true;
                return CONF_RESTART;
            }
            *differ = true;
            live = key->live;
        }
    }
    return live;
}

/* True when the row differs; what follows to `*live`. */
static bool row_differs(const struct conf_key *key, const struct conf *now, const struct conf *next,
                        enum conf_live *live)
{
    const u8 *a = (const u8 *)now + key->at, *b = (const u8 *)next + key->at;
    bool differ;

    *live = key->live;
    if (key->type != CONF_LIST)
        return !value_same(key, a, b);
    u32 used = items_of(key, now);
    if (used != items_of(key, next))
        return true;
    enum conf_live of_items = items_differ(key, a, b, used, &differ);
    *live = key->live != CONF_RESTART ? key->live : of_items;
    return differ;
}

u32 conf_diff(const struct conf *now, const struct conf *next,
              struct conf_change changes[CONF_CHANGES_MAX])
{
    u32 used = 0;

    _Static_assert(CONF_CHANGES_MAX >= CONF_KEYS_MAX, "a place for each");
    for (u32 i = 0; i < conf_schema_used; i++) {
        const struct conf_key *key = &conf_schema[i];
        enum conf_live live;
        if (key->type == CONF_SECTION || strstr(key->path, "[].") ||
            !row_differs(key, now, next, &live))
            continue;
        changes[used++] = (struct conf_change){key->path, live};
    }
    return used;
}

int conf_take(struct conf *now, const struct conf *next, const struct conf_change *changes,
              u32 used, const char *name, FILE *errors)
{
    static const struct conf_lines nowhere;
    struct report e = {.out = errors, .file = name};

    for (u32 i = 0; i < used; i++) {
        const struct conf_key *key = &conf_schema[conf_key_row(changes[i].path)];
        size_t bytes = key->type == CONF_LIST ? key->max * key->size : key->size;
        if (changes[i].live == CONF_RESTART)
            continue;
        memcpy((u8 *)now + key->at, (const u8 *)next + key->at, bytes);
        if (key->type == CONF_LIST)
            memcpy((u8 *)now + key->used_at, (const u8 *)next + key->used_at, sizeof(u32));
    }
    conf_check(now, &nowhere, &e);
    return e.count;
}
