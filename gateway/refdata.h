/*
 * refdata.h - the venue's reference data from CSV files: instruments, accounts and, where
 * wanted, firms.
 *
 * Loaded once at the start; main turns it into commands for the engine, limits for the gateways and
 * password hashes for auth. All files: a header line with the columns' names in any order, then a
 * line each; # begins a comment line; fields may be quoted ("" is a quote). Prices are decimal
 * text, parsed exactly. All that is wrong is said at once. Cold, malloc.
 *
 *   instruments: symbol,tick,lot,reference_price,restricted and, where wanted, luld_tier,
 *                static_collar_percent
 *   accounts:    user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,
 *                max_open_orders,restricted and, where wanted, stp,stp_level,stp_details,
 *                cancel_on_disconnect,post_only,password_hash_2,networks,drop_copy,
 *                max_exposure,max_daily_notional,max_position,last_price_collar_percent,
 *                orders_per_s,symbol_orders_per_s,repeat_max,repeat_ms,forbidden
 *   firms:       firm and, where wanted, the four from max_exposure on
 */
#ifndef WIREBOOK_GATEWAY_REFDATA_H
#define WIREBOOK_GATEWAY_REFDATA_H

#include <stdio.h>

#include "engine/msg/msg.h"
#include "gateway/session/directory.h"

#define REFDATA_HASH_BYTES 128u

struct refdata_instrument {
    char symbol[8];      /* padded with spaces */
    u32 tick;            /* price units, 1/10,000 */
    u32 lot;             /* round lot in shares */
    u32 reference_price; /* price units, a multiple of tick; the collar is measured from it */
    bool restricted;     /* no account may trade it */
    u8 tier;             /* of its price bands, 1 or 2; 0: it has none */
    u16 collar_bps;      /* static collar around reference_price, 1/100 %; 0: none */
    u32 line;
};

struct refdata_account {
    char user[6];                             /* upper case, padded with spaces */
    char firm[4];                             /* upper case, padded with spaces */
    char password_hash[REFDATA_HASH_BYTES];   /* argon2id, of the trimmed upper-case password */
    char password_hash_2[REFDATA_HASH_BYTES]; /* right as well; "": none */
    bool enabled;
    struct account_networks networks;
    u8 copy;                  /* enum reader_scope: whose messages it reads instead of trading */
    struct msg_account terms; /* what the engine is told beside these four */
    struct risk_limits
        limits;             /* the restricted list is sorted, with the venue's restricted symbols */
    struct msg_limit stake; /* what it may have at stake in the engine; the four limits alone */
    u32 line;
};

struct refdata {
    struct refdata_instrument *instruments;
    u32 instruments_used;
    struct refdata_account *accounts;
    u32 accounts_used;
    struct msg_limit *firms; /* their names and limits */
    u32 firms_used;
};

/* At most so many of each: the pools of the engine. */
struct refdata_max {
    u32 instruments;
    u32 accounts;
};

/*
 * Reads both files to `out`, which refdata_free gives back. Each thing that is wrong is a line of
 * `errors`: `FILE:LINE: column: value: what is wrong; allowed: ...`. Returns the number of errors;
 * only after 0 is `out` to be used (refdata_free is right in any case).
 */
int refdata_load(const char *instruments_file, const char *accounts_file,
                 const struct refdata_max *max, struct refdata *out, FILE *errors);

/*
 * Reads the firms' limits to `out`, too; "" is no file. Returns the number of errors, which are
 * reported as those of refdata_load.
 */
int refdata_load_firms(const char *file, struct refdata *out, FILE *errors);
void refdata_free(struct refdata *r);

/* ---- refdata_command.c: rows as commands for the engine ---- */

/* A command of `type` whose values are all zero. */
void refdata_command(union msg *m, u8 type);

/* The row of that padded name; NULL: there is none. */
const struct refdata_instrument *refdata_instrument(const struct refdata *r, const char symbol[8]);
const struct refdata_account *refdata_account(const struct refdata *r, const char user[6]);

/* CMD_INSTRUMENT and CMD_ACCOUNT of a row; and of one that the files no longer have: an instrument
 * is halted, an account disabled. */
void refdata_instrument_command(const struct refdata_instrument *r, union msg *m);
void refdata_instrument_gone(const struct msg_instrument *known, union msg *m);
void refdata_account_command(const struct refdata_account *r, union msg *m);
void refdata_account_gone(const struct msg_account *known, union msg *m);

/* CMD_LIMIT of what an account may have at stake; false: it has no limit. */
bool refdata_limit_command(const struct refdata_account *r, union msg *m);

/* CMD_CHECKS, and a firm's CMD_LIMIT. */
void refdata_checks_command(const struct refdata_account *r, union msg *m);
void refdata_firm_command(const struct msg_limit *firm, union msg *m);

/*
 * Decimal text ("150.25") to `*out` in units of 10^-decimals, exactly. False: not digits with at
 * most one point, more decimals than `decimals`, or above `max`.
 */
bool refdata_decimal(const char *text, u32 decimals, u64 max, u64 *out);

#endif
