/* engine_stream_parts.h - what the files of the random streams share. Local to them. */
#ifndef WIREBOOK_TESTS_ENGINE_STREAM_PARTS_H
#define WIREBOOK_TESTS_ENGINE_STREAM_PARTS_H

#include "tests/lib/engine_stream.h"

static inline bool one_in(struct stream *s, u32 n)
{
    return stream_below(s, n) == 0;
}

/* The head of a command of `type`; now and then its binding is a stale one. */
void stream_head(struct stream *s, union msg *m, u8 type, u32 account);

/* The number of the stream's n-th channel. */
u8 stream_channel(u32 channel);

void stream_make_phase(struct stream *s, union msg *m);
/* A bar, its end, an end of a connection or a note: refused unless stream_operate takes it up. */
void stream_make_bar(struct stream *s, union msg *m);

/* Makes a request of an operator of `m`, mostly, if it can be one. */
void stream_operate(struct stream *s, union msg *m);

void stream_make_break(struct stream *s, union msg *m);
void stream_make_limit(struct stream *s, union msg *m);
void stream_make_checks(struct stream *s, union msg *m);
void stream_make_profile(struct stream *s, union msg *m);
void stream_make_listed(struct stream *s, union msg *m);
void stream_port(struct stream *s, struct port_terms *p);
/* Sometimes the account leaves something to the port. */
void stream_leave(struct stream *s, struct msg_account *a);

/* False: it is not yet time for everything to trade again. */
bool stream_make_back(struct stream *s, union msg *m);

#endif
