/*
 * engine_terms.h - the option tags of engine_stream.h's orders. Local to it.
 */
#ifndef WIREBOOK_TESTS_ENGINE_TERMS_H
#define WIREBOOK_TESTS_ENGINE_TERMS_H

#include "tests/lib/engine_stream.h"

/* ClOrdID and now and then a tag, sensible or not. */
void stream_terms(struct stream *s, struct order_terms *t, bool replace, u8 idx);

/* Some orders show a part of themselves. */
void stream_reserve(struct stream *s, struct order_terms *t);

/* Some orders follow the touch, some want a minimum while they rest. */
void stream_condition(struct stream *s, u32 *price, u8 *tif, u8 *display, struct order_terms *t);

#endif
