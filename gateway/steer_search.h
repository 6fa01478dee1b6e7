/*
 * steer_search.h - what operators ask of the open day's journal: a trade by its match number, what
 * came of a request by its number. Thread: admin (cold); blocks on the disk.
 */
#ifndef WIREBOOK_GATEWAY_STEER_SEARCH_H
#define WIREBOOK_GATEWAY_STEER_SEARCH_H

#include "gateway/admin/operate.h"
#include "persist/cursor.h"

struct search {
    struct cursor_conf conf;
    struct cursor *cursor; /* NULL: nothing was looked for yet */
    u64 from;              /* transaction at which the open day begins, or one before */
    u32 halves;            /* of the trade, found so far */
    u64 fill_seq;          /* the transaction that they are in */
    bool terms;            /* the second pass is under way */
    char firms[2][4];      /* ... the default ones of the halves' accounts, where it stands */
};

/* Reads what `conf` leads to, from transaction `from` (>= 1) on, at which the open day begins or an
 * older one. */
void search_init(struct search *s, const struct cursor_conf *conf, u64 from);
void search_free(struct search *s);

/* Both as operate_conf has them; the context is a struct search. */
enum operate_found search_trade(void *search, struct msg_break *b, bool again);
enum operate_found search_request(void *search, u64 request, struct msg_operated *out, bool again);

#endif
