/*
 * ref_course.c - the reference's phases: what each takes, and changes of them. For tests only.
 */
#include "tests/lib/ref_state.h"

static bool is_sell(const struct ref_order *o)
{
    return o->o.side != 'B';
}

static bool trades(u8 phase)
{
    return phase == 'T' || phase == 'X';
}

static bool has(const char *letters, u8 c)
{
    return c && strchr(letters, c);
}

/* ---- what a phase takes ---- */

static bool too_late(const struct ref_market *m, u8 cross)
{
    const char *before = cross == 'O' ? "P" : cross == 'C' ? "TV" : "HV";
    return m->late && has(before, m->phase);
}

bool ref_waits(const struct ref *r, const struct ref_order *o)
{
    return o->o.cross_type != 'N' || !trades(r->markets[o->o.instrument].phase);
}

u32 ref_queued_on(const struct ref *r, u32 instrument)
{
    u32 n = 0;
    for (u32 i = 0; i < r->conf.orders_max; i++)
        n += r->orders[i].open && r->orders[i].resting && r->orders[i].o.cross_type != 'N' &&
             r->orders[i].o.instrument == instrument;
    return n;
}

bool ref_too_late(const struct ref *r, const struct ref_order *o)
{
    return o->o.cross_type != 'N' && too_late(&r->markets[o->o.instrument], o->o.cross_type);
}

u16 ref_phase_reason(const struct ref *r, const struct msg_order *o)
{
    const struct ref_market *m = &r->markets[o->instrument];
    u8 cross = o->cross_type;

    if (cross == 'N' && m->phase == 'H')
        return 0x0007;
    if (cross == 'N')
        return m->phase == 'Z' || (m->phase == 'X' ? o->tif == '0' : o->tif == 'E') ? 0x0002 : 0;
    if ((cross == 'O' && m->phase == 'P') || (cross == 'C' && has("PTV", m->phase)) ||
        (cross == 'H' && has("HV", m->phase)))
        return too_late(m, cross) && o->terms.handle_inst != 'I' ? 0x0014 : 0;
    return m->phase == 'Z' ? 0x0002 : m->phase == 'H' ? 0x0007 : 0x0014;
}

u16 ref_keep_reason(const struct ref *r, const struct ref_order *o)
{
    u8 phase = r->markets[o->o.instrument].phase;

    if (ref_too_late(r, o))
        return 0x0010;
    if (phase == 'H' && o->o.cross_type != 'H')
        return 0x0007;
    return phase == 'Z' ? 0x0002 : 0;
}

void ref_late_cancel(struct ref *r, struct ref_order *o, u32 leaves)
{
    bool *said = leaves ? &o->said_rejected : &o->said_pending;

    if (o->said_pending || *said)
        return;
    *said = true;
    union msg *m =
        ref_add(r, leaves ? EV_CANCEL_REJECTED : EV_CANCEL_PENDING, 1, o->o.head.account);
    m->late.order_ref = o->o.order_ref;
    m->late.user_ref = o->o.user_ref;
    m->late.user_ref_idx = o->o.user_ref_idx;
    m->late.instrument = o->o.instrument;
}

/* ---- orders that end ---- */

static u32 queue_of(const struct ref_order *o)
{
    u32 q = o->o.cross_type == 'O' ? 0 : o->o.cross_type == 'C' ? 4 : 8;
    return q + (ref_offsets(o) ? 2 : 0) + is_sell(o);
}

/* An order for a cross that will not come, or has been. */
static bool is_dead(const struct ref *r, const struct ref_order *o, u8 to)
{
    if (!o->open || !o->resting || o->o.instrument != r->at || o->o.cross_type == 'N')
        return false;
    if (o->o.cross_type == 'H')
        return to != 'H' && to != 'V';
    return has(o->o.cross_type == 'O' ? "TXZ" : "XZ", r->course.phase);
}

static struct ref_order *first_dead(struct ref *r, u8 to)
{
    struct ref_order *first = NULL;
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        struct ref_order *o = &r->orders[i];
        if (!is_dead(r, o, to))
            continue;
        if (!first || queue_of(o) < queue_of(first) ||
            (queue_of(o) == queue_of(first) && ref_served_first(o, first)))
            first = o;
    }
    return first;
}

static bool drop(struct ref *r, u32 *budget)
{
    struct ref_order *o;

    while ((o = first_dead(r, r->next)) != NULL) {
        u8 reason = o->said_pending               ? 'U'
                    : o->o.cross_type == r->cross ? 'I'
                    : has("HV", r->next)          ? 'H'
                    : r->course.phase == 'T'      ? 'I'
                                                  : 'E';
        if (*budget == 0)
            return ref_stop(r, WORK_CROSS, 0);
        --*budget;
        ref_cancelled(r, o, o->o.qty, reason);
    }
    return true;
}

static u32 side_of_book(const struct ref_order *o)
{
    return is_sell(o) + 2 * ref_hidden(o);
}

/*
 * Which tree a conditional order is in: primary, market, midpoint, minimum, pegs with a minimum;
 * buyers first.
 */
static u32 tree_of(const struct ref_order *o)
{
    u8 type = o->o.terms.price_type;
    u32 kind = !ref_pegged(o) ? 3 : type == 'R' ? 0 : type == 'P' ? 1 : 2;

    return (kind + (ref_pegged(o) && o->o.terms.min_qty ? 4 : 0)) * 2 + is_sell(o);
}

static i64 tree_key(const struct ref_order *o)
{
    i64 high = ref_pegged(o) ? o->o.terms.peg_offset : (i64)o->o.price;

    return is_sell(o) ? high : -high;
}

bool ref_stands_before(const struct ref_order *a, const struct ref_order *b)
{
    if (ref_conditional(a) != ref_conditional(b))
        return ref_conditional(b);
    if (ref_conditional(a)) {
        if (tree_of(a) != tree_of(b))
            return tree_of(a) < tree_of(b);
        return tree_key(a) != tree_key(b) ? tree_key(a) < tree_key(b)
                                          : a->o.order_ref < b->o.order_ref;
    }
    if (side_of_book(a) != side_of_book(b))
        return side_of_book(a) < side_of_book(b);
    return ref_rank(a) != ref_rank(b) ? ref_rank(a) < ref_rank(b) : a->rank < b->rank;
}

/* The book's first order behind `last`; NULL: the very first. */
static struct ref_order *book_after(struct ref *r, const struct ref_order *last)
{
    struct ref_order *first = NULL;
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        struct ref_order *o = &r->orders[i];
        if (!o->open || !o->resting || o->o.cross_type != 'N' || o->o.instrument != r->at)
            continue;
        if ((!last || ref_stands_before(last, o)) && (!first || ref_stands_before(o, first)))
            first = o;
    }
    return first;
}

static bool expire(struct ref *r, u32 *budget, bool resumed)
{
    if (!has("XZ", r->next))
        return true;
    struct ref_order *o = resumed ? r->expiring : book_after(r, NULL);
    for (; o; o = r->expiring) {
        if (*budget == 0) {
            r->expiring = o;
            ref_stop(r, WORK_EXPIRE, o->o.user_ref);
            union msg *m = (union msg *)(void *)&r->tx->slots[r->last];
            m->work.order_ref = o->o.order_ref;
            m->work.account = o->o.head.account;
            m->work.phase = o->o.user_ref_idx;
            return false;
        }
        --*budget;
        r->expiring = book_after(r, o);
        if (r->next == 'Z' || o->o.tif == '0')
            ref_cancelled(r, o, o->o.qty, 'E');
    }
    return true;
}

/* ---- instrument after instrument ---- */

static void set_phase(struct ref *r, u8 phase, u8 next, u8 cross)
{
    struct ref_market *mk = &r->markets[r->at];
    union msg *m = ref_add(r, EV_PHASE, 1, 0);
    bool was_paused = mk->phase == 'V', traded = mk->phase == 'T';
    struct ref_bands none = {0};

    mk->bands = phase == 'T' && !next ? ref_bands_begin(r, r->at, r->course.wide) : none;
    if (!traded || phase != 'T')
        mk->look_ns = mk->bands.reference ? r->time + 30 * NS_PER_SEC : 0;
    mk->move_ns = 0;
    if (phase != 'V' || next)
        mk->until_ns = 0;
    else if (!was_paused)
        mk->until_ns = r->time + 300 * NS_PER_SEC;
    m->phase.until_ns = mk->until_ns;
    m->phase.reference = mk->bands.reference;
    m->phase.lower = mk->bands.lower;
    m->phase.upper = mk->bands.upper;

    m->phase.instrument = (u16)r->at;
    m->phase.phase = mk->phase = phase;
    m->phase.wide = mk->wide = r->course.wide;
    m->phase.late = mk->late = r->course.late;
    m->phase.reason = r->course.reason;
    m->phase.next = r->next = next;
    m->phase.cross = r->cross = cross;
    r->price = r->looked_at = 0;
}

static u8 destination(const struct ref *r, u8 from)
{
    u8 to = r->course.phase;
    bool scheduled = !r->course.instrument && r->course.reason == 'S';

    if (scheduled && (from == 'H' || (from == 'V' && has("TP", to))))
        return from;
    return r->instruments[r->at].halted && trades(to) && !trades(from) ? 'H' : to;
}

static void leave(struct ref *r)
{
    struct ref_market *m = &r->markets[r->at];
    u8 from = m->phase, to = destination(r, from), cross = 0;
    bool dead = first_dead(r, to) != NULL;

    if (from == to && m->wide == r->course.wide && m->late == r->course.late && !dead)
        return;
    if (trades(to) && from == 'P')
        cross = 'O';
    if (trades(to) && has("HV", from))
        cross = 'H';
    if (r->course.closing && !r->instruments[r->at].halted && from == 'T' && has("XZ", to))
        cross = 'C';
    bool end = book_after(r, NULL) && (to == 'Z' || (to == 'X' && from != 'X'));
    r->liquidity = cross != 'H' ? cross : m->last_price ? 'K' : 'H';
    if (!cross && !dead && !end)
        set_phase(r, to, 0, 0);
    else
        set_phase(r, cross == 'O' || cross == 'C' ? cross : cross ? from : to, to, cross);
}

static bool go_on(struct ref *r, u32 *budget, u8 kind)
{
    if (kind != WORK_EXPIRE && r->cross && !ref_cross(r, budget, kind))
        return false;
    if (kind != WORK_EXPIRE && !drop(r, budget))
        return false;
    if (!expire(r, budget, kind == WORK_EXPIRE))
        return false;
    set_phase(r, r->next, 0, 0);
    return true;
}

void ref_go_on_course(struct ref *r, u8 kind)
{
    u32 budget = r->chunk_cancels;
    u32 last = r->course.instrument ? r->course.instrument : r->instruments_used;

    for (; kind != WORK_TELL && r->at <= last; r->at++) {
        if (kind != WORK_SLIDE && !r->next) {
            if (budget < 2) {
                ref_stop(r, WORK_COURSE, r->at);
                return;
            }
            budget -= 2;
            leave(r);
        }
        if (r->next && !go_on(r, &budget, kind))
            return;
        if (!ref_slide(r, &budget))
            return;
        kind = WORK_NONE;
    }
    u32 a = kind == WORK_TELL ? r->cursor : 1;
    for (; !r->course.instrument && r->course.phase == 'Z' && a <= r->accounts_used; a++) {
        if (budget < 2) {
            r->cursor = a;
            ref_stop(r, WORK_TELL, a);
            return;
        }
        budget--;
        ref_tell(r, a, &budget);
    }
    if (r->work != WORK_NONE)
        ref_work(r, WORK_NONE);
}

void ref_course_begin(struct ref *r, struct msg_course to)
{
    union msg *ev = ref_add(r, EV_COURSE, 1, 0);
    struct event_head head = ev->ev;
    ev->course = to;
    ev->ev = head;
    r->course = to;
    r->at = to.instrument ? to.instrument : 1;
    r->next = 0;
    if (!to.instrument) {
        r->venue.phase = to.phase;
        r->venue.wide = to.wide;
        r->venue.late = to.late;
    }
    ref_go_on_course(r, WORK_NONE);
}

void ref_phase(struct ref *r, const struct msg_course *c)
{
    struct msg_course to = *c;
    struct ref_market *m;

    if (c->instrument > r->instruments_used)
        return;
    if (!to.phase && c->instrument) {
        to.phase = r->venue.phase;
        to.wide = r->venue.wide;
        to.late = r->venue.late;
    }
    if (!has("PTXZHV", to.phase) || to.wide > 1 || to.late > 1 || to.closing > 1 ||
        !has("SO", to.reason) || (to.due_ns && (c->instrument || to.reason != 'S')))
        return;
    m = c->instrument ? &r->markets[c->instrument] : &r->venue;
    bool same = m->phase == to.phase && m->wide == to.wide && m->late == to.late &&
                (c->instrument || to.reason == 'S');
    if (to.due_ns ? to.due_ns <= r->course_due : same)
        return;
    if (to.due_ns)
        r->course_due = to.due_ns;
    ref_course_begin(r, to);
}

void ref_break(struct ref *r, const struct msg_break *c)
{
    bool good = r->day && c->match >= r->day_match && c->match < r->match &&
                has("ECSX", c->reason) && r->broken_used < 1024;

    for (u32 i = 0; i < 2; i++) {
        u32 a = c->side[i].account;
        good &= a && a <= r->accounts_used && r->accounts[a].stream;
    }
    if (c->qty)
        good &= c->qty <= 999999 && c->price && c->price <= 1999999900 && c->instrument &&
                c->instrument <= r->instruments_used && c->side[0].sold + c->side[1].sold == 1;
    for (u32 i = 0; i < r->broken_used; i++)
        good &= r->broken[i] != c->match;
    if (!good)
        return;
    r->broken[r->broken_used++] = c->match;
    for (u32 i = 0; i < 2; i++) {
        union msg *m = ref_add(r, EV_BROKEN, 1, c->side[i].account);
        m->broken.match = c->match;
        m->broken.user_ref = c->side[i].user_ref;
        m->broken.user_ref_idx = c->side[i].user_ref_idx;
        m->broken.reason = c->reason;
        memcpy(m->broken.clordid, c->side[i].clordid, 14);
    }
    ref_risk_untraded(r, c);
}
