/* engine_stream_course.c - random commands of the venue's course. For tests: any thread, no I/O. */
#include "tests/lib/engine_stream_parts.h"

/* After a while everything trades again. */
bool stream_make_back(struct stream *s, union msg *m)
{
    if (s->away == 0 || --s->away)
        return false;
    stream_head(s, m, CMD_PHASE, 0);
    m->course.phase = 'T';
    m->course.late = one_in(s, 2);
    m->course.reason = COURSE_OPERATOR;
    return true;
}

/* A change of phase, mostly one that can be. */
void stream_make_phase(struct stream *s, union msg *m)
{
    struct msg_course *c = &m->course;

    stream_head(s, m, CMD_PHASE, 0);
    c->instrument =
        (u16)(one_in(s, 3) ? 0 : stream_below(s, STREAM_INSTRUMENTS + one_in(s, 30)) + 1);
    c->phase = (u8) "PPPPTXZHVV"[stream_below(s, 10)];
    if (one_in(s, 10))
        c->phase = one_in(s, 3) ? 'q' : 0;
    c->wide = one_in(s, 4);
    c->late = !one_in(s, 3);
    c->closing = one_in(s, 2);
    c->reason = (u8)(one_in(s, 30) ? 'L' : one_in(s, 3) ? 'O' : 'S');
    if (!c->instrument && c->reason == 'S' && one_in(s, 3))
        c->due_ns = s->now_ns - (one_in(s, 3) ? NS_PER_SEC : 0);
    if (one_in(s, 100))
        c->due_ns = 5;
    s->away = s->away ? s->away : 10 + stream_below(s, 60);
    if (s->phase != 'T' || !one_in(s, 3))
        return;
    c->phase = 'X'; /* from trading, with a closing cross, much like a real day */
    c->closing = 1;
}

/* A trade of late is broken, between whomever. */
void stream_make_break(struct stream *s, union msg *m)
{
    struct msg_break *c = &m->broken_trade;

    stream_head(s, m, CMD_BREAK, 0);
    c->match = s->match - stream_below(s, one_in(s, 10) ? 1000 : 3);
    c->match += one_in(s, 10);
    c->reason = (u8) "ECSXQ"[stream_below(s, 5)];
    for (u32 i = 0; i < 2; i++) {
        c->side[i].account = stream_below(s, STREAM_ACCOUNTS + 1);
        c->side[i].user_ref = stream_below(s, 100);
        c->side[i].user_ref_idx = stream_channel(stream_below(s, STREAM_CHANNELS));
        memcpy(c->side[i].clordid, "BROKEN        ", 14);
    }
    if (one_in(s, 3))
        return;
    c->qty = stream_below(s, 1000);
    c->price = 100000 + stream_below(s, 4000);
    c->instrument = (u16)(1 + stream_below(s, STREAM_INSTRUMENTS + one_in(s, 20)));
    bool sold = !one_in(s, 20);
    c->side[stream_below(s, 2)].sold = sold;
    memcpy(c->firm[0], one_in(s, 2) ? "FRMA" : "    ", 4);
    memcpy(c->firm[1], one_in(s, 2) ? "FIRM" : "\0\0\0\0", 4);
}
