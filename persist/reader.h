/*
 * reader.h - the cold agent that answers gateways' requests for messages which have left the
 * session stores (engine/msg/side.h). It indexes the open day's journal by account as it goes.
 */
#ifndef WIREBOOK_PERSIST_READER_H
#define WIREBOOK_PERSIST_READER_H

#include "engine/base/ring.h"
#include "engine/msg/side.h"
#include "persist/cursor.h"

struct reader;

/*
 * A reader whose index begins at transaction `day_seq` (replay_result.day_seq; 0: the next
 * transaction, `last_seq` + 1). `conf` as for a cursor; its tap is the reader's own. Memory from
 * malloc, in proportion to what the day's index holds.
 */
struct reader *reader_new(const struct cursor_conf *conf, u64 day_seq, u64 last_seq);
void reader_free(struct reader *r);

/* Connects gateway `index`: `requests` of struct reader_request, `answers` of REPLAY_RING_SLOTS.
 * Before the threads start. */
void reader_attach(struct reader *r, u32 index, struct ring *requests, struct ring *answers);

/* The agent's turn: indexes a bounded number of transactions, answers a request of each gateway. */
int reader_do_work(void *reader, u64 now_ns);

/* NULL, or why the reader has given up (damage, disk error); it then answers READER_NONE. */
const char *reader_why(const struct reader *r);

#endif
