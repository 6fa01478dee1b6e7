/*
 * redis_text.h - what redis.c says to a server and how it reads its errors, without hiredis.
 *
 * Local to redis.c and its tests. RESP as in the Redis documentation, "Redis serialization
 * protocol".
 */
#ifndef WIREBOOK_PERSIST_REDIS_TEXT_H
#define WIREBOOK_PERSIST_REDIS_TEXT_H

#include "persist/sink.h"

/*
 * Arguments of a command being written: $length, bytes. A buffer without room is a broken
 * invariant.
 */
struct resp {
    u8 *bytes;
    u32 used;
    u32 room;
    u32 args;
};

void resp_arg(struct resp *r, const void *bytes, u32 n);
void resp_text(struct resp *r, const char *text);
void resp_u64(struct resp *r, u64 x);
void resp_id(struct resp *r, u64 x); /* 16 hexadecimal digits */

/* Appends all arguments of `from`. */
void resp_append(struct resp *r, const struct resp *from);

/* The head of a command with `args` arguments: *args. First of all in a buffer. */
void resp_head(struct resp *r, u32 args);

/*
 * Takes the shard. KEYS: mark hash, stream. ARGV: epoch; process and journal in 16 hexadecimal
 * digits. Answers {"foreign", journal that is there or "unknown"}, {"fenced", epoch that has it} or
 * {"ours", claim, seq, day, top, payload, time_ns}: `seq` of the mark, "" if there is none or if it
 * was not written with what is the stream's newest entry now; `top` the stream's last-generated-id
 * ("0-0": no stream), `payload` its newest entry's ("": none).
 */
extern const char redis_script_claim[];

/*
 * Writes a batch. KEYS: mark hash, stream, then a hash for each last trade. ARGV: epoch, claim,
 * seq, day, maximal length, number of entries, of publications and of last trades, time_ns of the
 * transaction `seq`; then id and payload of each entry; channel and payload of each publication;
 * price, qty, match, seq, day, time_ns of each last trade. Answers the number of entries that the
 * stream already had.
 */
extern const char redis_script_batch[];

/*
 * Sets tops of books. KEYS: mark hash, then a hash for each. ARGV: epoch, claim; then of each its
 * channel, payload, bid, bid_qty, ask, ask_qty, phase, seq, time_ns. Answers their number.
 */
extern const char redis_script_tops[];

#define REDIS_HOST_BYTES 256u

struct redis_host {
    char name[REDIS_HOST_BYTES]; /* a name or an address */
    u16 port;
};

/*
 * The `attempt`-th of a list "a,b:6380,[::1]:6379", in turn; what names no port has `port`. False:
 * that part of the list is malformed.
 */
bool redis_text_host(const char *list, u32 attempt, u16 port, struct redis_host *out);

/*
 * Where a cluster's error reply sends us: "MOVED 7 host:port" or "ASK 7 host:port"; `asking` tells
 * which. Without a host it is the one that was asked, `from`. False: it is another error.
 */
bool redis_text_redirect(const char *error, const struct redis_host *from, struct redis_host *out,
                         bool *asking);

/* SINK_LOST or SINK_REFUSED for an error reply's text, and in words what it means to `what`. */
enum sink_status redis_text_status(const char *error, const char **what);

#endif
