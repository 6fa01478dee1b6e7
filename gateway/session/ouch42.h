/*
 * ouch42.h - OUCH 4.2, the older dialect: messages in to commands, events to messages out
 * (CONFORMANCE.md section 8). Pure.
 *
 * A 4.2 client names its orders by tokens of 14 characters, the engine by numbers that rise. Which
 * is which is in tokens.h; a token travels as the order's ClOrdID, so the journal has it.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_OUCH42_H
#define WIREBOOK_GATEWAY_SESSION_OUCH42_H

#include "engine/msg/msg.h"
#include "gateway/session/ouch5.h"

#define OUCH42_TOKEN   14u
#define OUCH42_OUT_MAX 80u /* bytes of the longest message that ouch42_encode writes */
_Static_assert(OUCH42_OUT_MAX <= OUCH5_OUT_MAX, "one room serves both dialects");

/* What an inbound message names its orders by; the numbers in the command are still zero. */
struct ouch42_names {
    char existing[OUCH42_TOKEN]; /* Replace, Cancel, Modify: the order that is meant */
    char token[OUCH42_TOKEN];    /* Enter, Replace: the new name; also the command's ClOrdID */
};

/*
 * Reads one inbound message of `n` > 0 bytes, as ouch5_decode does. OUCH5_MALFORMED: a length that
 * no message has, or a token that is blank or not printable: nothing could be answered.
 */
enum ouch5_status ouch42_decode(const u8 *bytes, u32 n, union msg *out, struct ouch42_names *names);

/* What an event does not say itself. */
struct ouch42_context {
    const char *symbol; /* of its instrument: EV_ACCEPTED, EV_REPLACED */
    const char *token;  /* of its user_ref; of its orig_user_ref on EV_REPLACED */
    u64 midnight_ns;    /* of the day */
};

/* The number whose token ouch42_encode wants for the event; 0: it wants none. */
u32 ouch42_wants(const union msg *m);

/*
 * Writes event `m`, one with a session_seq of an account that speaks this dialect, to `out`
 * (OUCH42_OUT_MAX bytes of room). Returns the number of bytes.
 */
u32 ouch42_encode(const union msg *m, const struct ouch42_context *c, u8 *out);

#endif
