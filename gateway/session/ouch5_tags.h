/* ouch5_tags.h - OUCH 5.0 appendages: TagValue lists <-> order_terms (CONFORMANCE.md 5). Pure. */
#ifndef WIREBOOK_GATEWAY_SESSION_OUCH5_TAGS_H
#define WIREBOOK_GATEWAY_SESSION_OUCH5_TAGS_H

#include "engine/msg/msg.h"

/* Messages whose lists of allowed tags differ. */
enum tags_on {
    TAGS_ENTER = 1,
    TAGS_REPLACE = 2,
    TAGS_SMALL = 4, /* in: X, Q, D, E: the channel only */
    TAGS_ACCEPTED = 8,
    TAGS_REPLACED = 16,
    TAGS_MODIFY = 32, /* both ways */
    TAGS_MASS = 64,   /* both ways */
};

/* Where a list is read to. */
struct tags_in {
    struct order_terms *terms; /* NULL with TAGS_SMALL */
    u8 user_ref_idx;           /* tag 28; 0: absent */
    u8 side;                   /* tag 27; 0: absent */
};

/*
 * Reads a list of `n` bytes as it may stand on message `on`: known tags, allowed there, of the
 * right size, none twice, the last one ending with the list, each value in its set. Returns 0, or
 * the reject reason of the first violation; then the terms' tags are cleared, but a channel that
 * could be read is there, because the reject must name it.
 */
u16 ouch5_tags_read(const u8 *list, u32 n, enum tags_on on, struct tags_in *in);

/* Writes the length and the list of those of the terms' tags that message `on` shows. */
u32 ouch5_tags_write(u8 *out, enum tags_on on, const struct order_terms *terms, u8 user_ref_idx);

#endif
