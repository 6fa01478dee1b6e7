/*
 * rules.h - the stateful checks of an order: what the book as it is now does not take, and why.
 *
 * Pure. The reasons are those of CONFORMANCE.md section 7; README.md has the table of decisions.
 */
#ifndef WIREBOOK_ENGINE_RULES_H
#define WIREBOOK_ENGINE_RULES_H

#include "engine/state.h"

enum reject_reason {
    REJECT_NONE = 0,
    REJECT_CLOSED = 0x0002,
    REJECT_DISPLAY = 0x0003,
    REJECT_MAX_FLOOR = 0x0004,
    REJECT_PEG_TYPE = 0x0005,
    REJECT_FAT_FINGER = 0x0006, /* outside the instrument's static collar */
    REJECT_HALTED = 0x0007,
    REJECT_SIDE = 0x0009,
    REJECT_PROCESSING = 0x000A, /* a pool is full */
    REJECT_FIRM = 0x000C,
    REJECT_MIN_QTY = 0x000D,
    REJECT_OTHER = 0x000F,
    REJECT_CANCEL = 0x0010, /* it comes too late for the cross */
    REJECT_PEGGING = 0x0011,
    REJECT_QTY = 0x0013,
    REJECT_CROSS = 0x0014,
    REJECT_REPLACE = 0x0015,
    REJECT_SYMBOL = 0x0017,
    REJECT_PRICE = 0x001D,
    REJECT_EXPOSURE = 0x0020, /* the account has as many orders open as it may, or risks too much */
    REJECT_RESTRICTED = 0x0022, /* the symbol is on a list */
    REJECT_SHORT_LIST = 0x0023, /* ... of those that are not sold short */
    REJECT_COLLAR = 0x0026,
    REJECT_SYMBOL_RATE = 0x0028,
    REJECT_PORT_RATE = 0x0029,
    REJECT_DUPLICATE_RATE = 0x002A,
    REJECT_NOTIONAL = 0x0030,
    REJECT_AIQ = 0x0040,
};

/* What the engine refuses for risk, and what the metrics call it. */
#define RULES_RISKS 6u
struct rules_risk {
    u16 reason; /* enum reject_reason */
    const char *labels;
};
extern const struct rules_risk rules_risks[RULES_RISKS];

/* Order `id` may become a short sale (a Modify), as far as lists go. */
bool rules_may_short(const struct engine *e, u32 id);

/* A letter of Display that an order may have. */
static inline bool display_known(u8 display)
{
    return display == 'Y' || display == 'A' || display == 'N';
}

/* It may be that something is barred on the account: rules_barred is to be asked. */
static inline bool rules_bar(const struct engine *e, u32 account)
{
    return (e->accounts.at[account].watch & WATCH_ENTRY) | e->kills.venue | e->kills.firms_used;
}

/* Nothing may be entered or replaced for the firm on the account. */
bool rules_barred(const struct engine *e, u32 account, const char firm[4]);

/* There is a place for what the order, which can be taken, puts at stake. e->risk_on. */
bool rules_room(const struct engine *e, const struct msg_enter *c);

/* ---- what most orders are, seen at one look ---- */

/* What a letter may stand for in a plain order: bits of rules_letters. */
enum plain_letter {
    PLAIN_SIDE = 1,
    PLAIN_TIF = 2,
    PLAIN_DISPLAY = 4,
    PLAIN_CROSS = 8,
};
extern const u8 rules_letters[256];

/*
 * A day order or an IOC with a limit, for an instrument in continuous trading without bands and
 * lists, while nobody has limits of risk. Its terms are looked at with terms_plain.
 */
static inline bool rules_plain(const struct engine *e, u16 instrument, u8 side, u8 tif, u8 display,
                               u8 cross, u32 price)
{
    const struct book *k = &e->books.at[instrument];

    return !(k->special | e->risk_on) && (rules_letters[side] & PLAIN_SIDE) &&
           (rules_letters[tif] & PLAIN_TIF) && (rules_letters[display] & PLAIN_DISPLAY) &&
           (rules_letters[cross] & PLAIN_CROSS) && price - 1 < PRICE_LIMIT_MAX &&
           price % k->tick == 0;
}

/* True: all rules would take the order of account `a`; false: they are to be asked. */
static inline bool rules_enter_plain(const struct engine *e, const struct msg_enter *c,
                                     const struct account *a)
{
    return c->instrument - 1u < e->instruments.names.used &&
           !((a->watch & WATCH_ENTRY) | e->kills.venue | e->kills.firms_used) &&
           rules_plain(e, c->instrument, c->side, c->tif, c->display, c->cross_type, c->price) &&
           terms_plain(&c->terms) && c->qty - 1 < QTY_MAX && a->open < a->open_max;
}

/* Why the Enter Order cannot be taken; REJECT_NONE: it can. Rule by rule. */
COLD enum reject_reason rules_enter(const struct engine *e, const struct msg_enter *c);

/*
 * Why what order `id` would become is not valid; REJECT_NONE: it is. `next` is the replacement as
 * it would be announced, its `qty` still the total of the chain; `c` has the account's limits;
 * `plain`: rules_plain and its terms say that no more than size and limits are to be looked at.
 */
enum reject_reason rules_replace(const struct engine *e, const struct msg_order *next, u32 id,
                                 const struct msg_replace *c, bool plain);

/*
 * True for a reason of the gateway's that refuses the request to replace but says nothing against
 * the order: it is answered with a reject and the original stays (CONFORMANCE.md section 6, 6c).
 */
bool rules_spares_original(u16 reason);

#endif
