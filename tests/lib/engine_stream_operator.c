/* engine_stream_operator.c - random requests of operators. For tests: any thread, no I/O. */
#include "tests/lib/engine_stream_parts.h"

/* What operators may carry; mostly it comes as a request then. */
static bool operators(u8 type)
{
    return type == CMD_DAY_END || type == CMD_INSTRUMENT || type == CMD_PHASE ||
           type == CMD_BREAK || type == CMD_KILL || type == CMD_RESTORE || type == CMD_BAR ||
           type == CMD_LIMIT || type == CMD_CHECKS || type == CMD_PROFILE || type == CMD_LISTED ||
           type == CMD_UNBAR || type == CMD_EXPEL || type == CMD_NOTE || type == CMD_ACCOUNT;
}

void stream_make_bar(struct stream *s, union msg *m)
{
    static const u8 types[] = {CMD_BAR,   CMD_UNBAR, CMD_UNBAR, CMD_UNBAR, CMD_UNBAR,
                               CMD_UNBAR, CMD_UNBAR, CMD_UNBAR, CMD_EXPEL, CMD_NOTE};

    stream_head(s, m, types[stream_below(s, ARRAY_LEN(types))], 0);
    if (m->cmd.type == CMD_NOTE) {
        m->note.what = one_in(s, 2) ? NOTE_DRAIN : NOTE_REFUSED;
        m->note.why = m->note.what == NOTE_REFUSED ? (u8)stream_below(s, WHY_MAX + 2) : 0;
    } else {
        m->bar.account = stream_below(s, STREAM_ACCOUNTS + 2);
    }
}

void stream_operate(struct stream *s, union msg *m)
{
    union msg o;
    bool odd = one_in(s, 2000); /* what nobody may carry */

    if ((!operators(m->cmd.type) || one_in(s, 3)) && !odd)
        return;
    memset(&o, 0, sizeof o);
    stream_head(s, &o, CMD_OPERATOR, 0);
    o.operator.request = one_in(s, 100) ? 0 : s->step;
    o.operator.uid = 1000 + stream_below(s, 3);
    o.operator.type = m->cmd.type;
    o.operator.role = 2;
    memcpy(o.operator.user, "ann", 3);
    memcpy(o.operator.reason, "to see what comes of it", 23);
    memcpy(o.operator.body, (u8 *)m + sizeof m->cmd, sizeof o.operator.body);
    *m = o;
}
