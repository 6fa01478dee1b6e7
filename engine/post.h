/*
 * post.h - post-only orders of accounts that have them slid instead of cancelled (CONFORMANCE.md
 * section 6, rules 5 and 13): one that would take is accepted one tick behind what it would meet.
 */
#ifndef WIREBOOK_ENGINE_POST_H
#define WIREBOOK_ENGINE_POST_H

#include "engine/state.h"

/*
 * The price at which a post-only order is announced; `next` is that announcement, with the open
 * shares as its quantity and the price that it would have otherwise. Its own price if it meets
 * nothing, if nothing trades, if its account wants it cancelled, or if there is no price behind:
 * the order is then cancelled as any that would take. Engine thread; changes nothing.
 */
u32 post_price(const struct engine *e, const struct msg_order *next);

#endif
