/*
 * export_cursor.c - the journal as a lane's source. See export.h.
 *
 * Cold thread. A thin skin over cursor.h, so that export.c and its tests do without a journal.
 */
#include "persist/export.h"

static void source_seek(void *ctx, u64 from_seq)
{
    struct export_cursor *c = ctx;

    ASSERT_GE(from_seq, 1);
    if (c->cursor)
        cursor_seek(c->cursor, from_seq);
    else
        c->cursor = cursor_new(&c->conf, from_seq);
}

static enum cursor_status source_next(void *ctx, struct cursor_tx *out)
{
    struct export_cursor *c = ctx;

    ASSERT(c->cursor != NULL);
    return cursor_next(c->cursor, out);
}

static u64 source_oldest(void *ctx)
{
    struct export_cursor *c = ctx;

    ASSERT(c->cursor != NULL);
    return cursor_oldest(c->cursor);
}

static const char *source_why(void *ctx)
{
    struct export_cursor *c = ctx;

    ASSERT(c->cursor != NULL);
    return cursor_why(c->cursor);
}

static u64 source_durable(void *ctx)
{
    struct export_cursor *c = ctx;

    return durable_get(c->conf.stored);
}

struct export_source export_source_cursor(struct export_cursor *c, const struct cursor_conf *conf)
{
    ASSERT(conf->stored != NULL);
    c->conf = *conf;
    c->cursor = NULL;
    return (struct export_source){
        .ctx = c,
        .seek = source_seek,
        .next = source_next,
        .oldest = source_oldest,
        .why = source_why,
        .durable_seq = source_durable,
    };
}

void export_cursor_close(struct export_cursor *c)
{
    if (c->cursor)
        cursor_free(c->cursor);
    c->cursor = NULL;
}
