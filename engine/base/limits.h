/*
 * limits.h - every limit of the system, with its unit, its sum and the relations between them.
 *
 * What an operator may choose is in the config and is checked against the ranges here; what follows
 * from a format or from another limit is a constant.
 */
#ifndef WIREBOOK_BASE_LIMITS_H
#define WIREBOOK_BASE_LIMITS_H

/* ---- messages and transactions (engine/msg/msg.h) ---- */
#define SLOT_BYTES         64u
#define MSG_SLOTS_MAX      4u   /* slots of one message */
#define TX_SLOTS_MAX       256u /* slots of one transaction: a command and all its events */
#define TX_EVENTS_TAIL_MAX 8u   /* slots that a step keeps free for its closing events */

/* Orders that one transaction may fill or cancel before the rest goes into a CONTINUE. Each fill is
 * at most three one-slot events, one of them a reserve order's next part; the command, Accepted or
 * Replaced, and the closing events come on top. */
#define CHUNK_FILLS_MAX   75u
#define CHUNK_CANCELS_MAX 200u
_Static_assert(3 * CHUNK_FILLS_MAX + 2 * MSG_SLOTS_MAX + TX_EVENTS_TAIL_MAX <= TX_SLOTS_MAX,
               "the fills of one chunk fit one transaction");
_Static_assert(CHUNK_CANCELS_MAX + 2 * MSG_SLOTS_MAX + TX_EVENTS_TAIL_MAX <= TX_SLOTS_MAX,
               "the cancels of one chunk fit one transaction");

/* Trades of one day that an operator may break; each is remembered until the day ends. */
#define BROKEN_MAX 1024u

/* ---- shape of a process ---- */
#define GATEWAYS_MAX    16u
#define FIRMS_MAX       1024u     /* firms that have limits of their own */
#define ACCOUNTS_MAX    65536u    /* ids are u32; the config sizes the tables */
#define INSTRUMENTS_MAX 65535u    /* ids are u16, 0 means none */
#define ORDERS_MAX      16777216u /* open orders; slab ids are 32 bits, 0 means none */

/* ---- rings, in slots; powers of two, created in gateway/topology.c ---- */
#define CMD_RING_SLOTS    16384u /* gateway -> engine */
#define EVENT_RING_SLOTS  65536u /* engine -> gateway */
#define TX_RING_SLOTS     65536u /* engine -> persist */
#define SIDE_RING_SLOTS   1024u  /* auth, admin and reader requests */
#define REPLAY_RING_SLOTS 4096u  /* reader -> gateway */
#define TAP_RING_SLOTS    65536u /* persist -> export or reader: 1,024 blocks, 4 MiB */
#define HANDOVER_RING_SLOTS \
    512u /* gateway -> gateway, frames of another's flow; created in gateway/bypass.c */
_Static_assert(EVENT_RING_SLOTS >= 4 * TX_SLOTS_MAX, "the engine can run ahead of a gateway");
_Static_assert(TX_RING_SLOTS >= 4 * TX_SLOTS_MAX, "the engine can run ahead of the disk");

/* ---- budgets per turn ---- */
#define GATEWAY_CONN_READ_BYTES 4096u /* read from one connection in one turn */
#define GATEWAY_EVENTS_PER_TURN 4096u /* slots taken from the event ring at once */
#define GATEWAY_CMDS_PER_SESSION \
    64u /* commands taken from one session in one turn; the rest waits in its connection */
#define GATEWAY_SENDS_PER_SESSION \
    64u /* messages sent to one session before the next has its turn */
#define GATEWAY_SENDS_PER_TURN  4096u /* messages sent in one turn to all sessions together */
#define GATEWAY_TIMERS_PER_TURN 1024u /* sessions whose timers are served in one turn */
#define ENGINE_CMDS_PER_TURN    256u  /* or a piece of long work, or slots of long transactions */
#define PERSIST_SLOTS_PER_TURN  16384u

/* ---- journal (persist/journal_format.h) ---- */
#define BLOCK_BYTES               4096u
#define BLOCK_SLOTS               63u /* message slots of a block; one more is its header */
#define JOURNAL_INFLIGHT_MAX      4u  /* writes under way at once */
#define JOURNAL_WRITE_BLOCKS      64u /* blocks in one write at most: 256 KiB */
#define SEGMENT_FILL_BYTES        (256u << 10) /* of zeros at once: journal gets in between */
#define JOURNAL_BUFFER_BLOCKS_MIN 1024u /* block buffers in memory: 4 MiB, and more by config */
_Static_assert(BLOCK_BYTES == (BLOCK_SLOTS + 1) * SLOT_BYTES, "a block is 64 slots");
_Static_assert(JOURNAL_BUFFER_BLOCKS_MIN >= (JOURNAL_INFLIGHT_MAX + 1) * JOURNAL_WRITE_BLOCKS,
               "all writes in flight and the next one have buffers");

/* Slots that may exist without being durable: in the ring, in blocks being filled or written. The
 * session stores keep room for all of them beyond their quotas, so that they never drop one. */
#define UNDURABLE_SLOTS(buffer_blocks) (TX_RING_SLOTS + (buffer_blocks)*BLOCK_SLOTS + TX_SLOTS_MAX)
#define UNDURABLE_SLOTS_MIN            UNDURABLE_SLOTS(JOURNAL_BUFFER_BLOCKS_MIN)

/* ---- SoupBinTCP and OUCH (gateway/session) ---- */
#define SOUP_FRAME_IN_MAX  512u /* the longest legal inbound frame is under 250 bytes */
#define SOUP_FRAME_OUT_MAX 256u /* the longest frame we send */

/* ---- sessions ---- */
#define CONNS_MAX         65536u
#define STORE_CHUNK_SLOTS 32u /* a session store grows by chunks of 2 KiB */
#define RATES_EACH_MIN    16u /* orders and symbols of an account that are watched at once */
#define RATES_EACH_MAX    32768u
#define STORE_CHUNKS_MIN  2u /* smallest quota of chunks per account, see gateway/session/store.h */

#endif
