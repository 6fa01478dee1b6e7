/*
 * ouch5.h - OUCH 5.0 bytes <-> commands and events (CONFORMANCE.md sections 3 to 5). Pure.
 *
 * In: all messages of section 3 become commands; every field is checked against the
 * letters it may have and every appendage element against the table of tags. What is wrong with an
 * Enter or a Replace is marked in the command's `reject`, so that the engine numbers the reject and
 * a replay shows it. A wrong byte never reaches the journal: letters out of their set become '?',
 * text that is not printable becomes blanks.
 *
 * Out: events become the exact bytes of section 4, whenever they are encoded, live or replayed.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_OUCH5_H
#define WIREBOOK_GATEWAY_SESSION_OUCH5_H

#include "engine/msg/msg.h"

enum ouch5_status {
    OUCH5_COMMAND,   /* a command stands in `out` */
    OUCH5_UNKNOWN,   /* no type of the protocol */
    OUCH5_IGNORED,   /* of OUCH 4.2: a token that stands for nothing, or was used before */
    OUCH5_MALFORMED, /* too short, or wrong where nothing can be rejected: to be ignored */
};

/* Reject reasons that a decoder marks (CONFORMANCE.md section 7). */
enum ouch5_reason {
    OUCH5_INVALID_DISPLAY = 0x0003,
    OUCH5_INVALID_PEG = 0x0005,
    OUCH5_INVALID_SIDE = 0x0009,
    OUCH5_PROCESSING = 0x000A,
    OUCH5_NOT_AUTHORIZED = 0x000C,
    OUCH5_PORT_RATE = 0x0029,
    OUCH5_OTHER = 0x000F,
    OUCH5_INVALID_QTY = 0x0013,
    OUCH5_INVALID_CROSS = 0x0014,
    OUCH5_INVALID_PRICE = 0x001D,
    OUCH5_INVALID_AIQ = 0x0040,
};

/*
 * Reads one inbound message of `n` > 0 bytes. On OUCH5_COMMAND `out` holds the whole command but
 * for account, bind_id, gateway and instrument, which are zero: the session knows them.
 */
enum ouch5_status ouch5_decode(const u8 *bytes, u32 n, union msg *out);

#define OUCH5_OUT_MAX 192u /* bytes of the longest message that ouch5_encode writes */
_Static_assert(OUCH5_OUT_MAX + 3 <= SOUP_FRAME_OUT_MAX, "with its frame's head");

/*
 * Writes event `m`, one with a session_seq, to `out` (OUCH5_OUT_MAX bytes of room). `symbol` is its
 * instrument's, needed for EV_ACCEPTED and EV_REPLACED only; `midnight_ns` is that of the day.
 * Returns the number of bytes.
 */
u32 ouch5_encode(const union msg *m, const char symbol[8], u64 midnight_ns, u8 *out);

#endif
