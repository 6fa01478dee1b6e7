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
 *                static_collar_percent,short_restricted
 *   accounts:    user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,
 *                max_open_orders,restricted and, where wanted, stp,stp_level,stp_details,
 *                cancel_on_disconnect,post_only,password_hash_2,networks,drop_copy,
 *                max_exposure,max_daily_notional,max_position,last_price_collar_percent,
 *                orders_per_s,symbol_orders_per_s,repeat_max,repeat_ms,forbidden
 *   profiles:    profile and, where wanted, based_on and the checks and limits of accounts,
 *                max_open_orders too
 *   firms:       firm and, where wanted, the four from max_exposure on
 */
#ifndef WIREBOOK_GATEWAY_REFDATA_H
#define WIREBOOK_GATEWAY_REFDATA_H

#include <stdio.h>

#include "engine/msg/msg.h"
#include "gateway/conf.h"
#include "gateway/session/directory.h"

#define REFDATA_HASH_BYTES 128u

struct refdata_instrument {
    char symbol[8];      /* padded with spaces */
    u32 tick;            /* price units, 1/10,000 */
    u32 lot;             /* round lot in shares */
    u32 reference_price; /* price units, a multiple of tick; the collar is measured from it */
    bool restricted;     /* no account may trade it */
    bool unshorted;      /* ... sell it short */
    u8 tier;             /* of its price bands, 1 or 2; 0: it has none */
    u16 collar_bps;      /* static collar around reference_price, 1/100 %; 0: none */
    u32 line;
};

/* Symbols, padded, in memcmp order, each once. */
struct refdata_list {
    char (*at)[8];
    u32 used;
};

/* A named set of checks and limits; the same as in the command. */
struct refdata_profile {
    struct msg_profile terms;
    u32 line;
};

struct refdata_account {
    char user[6];                             /* upper case, padded with spaces */
    char firm[4];                             /* upper case, padded with spaces */
    char password_hash[REFDATA_HASH_BYTES];   /* argon2id, of the trimmed upper-case password */
    char password_hash_2[REFDATA_HASH_BYTES]; /* right as well; "": none */
    bool enabled;
    struct account_networks networks;
    u8 copy;                   /* enum reader_scope: whose messages it reads instead of trading */
    struct msg_account terms;  /* what the engine is told beside these four */
    struct risk_values checks; /* what it says itself of the gateways' checks */
    char profile[8];           /* padded; zero: the port's */
    bool port_profile;         /* it counts on the ports having one */
    struct account_ports ports;
    struct refdata_list restricted; /* symbols that it may not trade */
    struct refdata_list unshorted;  /* ... sell short */
    struct msg_limit stake;         /* what it may have at stake in the engine; the limits alone */
    u32 line;
};

struct refdata {
    struct refdata_instrument *instruments;
    u32 instruments_used;
    struct refdata_account *accounts;
    u32 accounts_used;
    struct msg_limit *firms; /* their names and limits */
    u32 firms_used;
    struct refdata_profile *profiles; /* whatever one is based on comes before it */
    u32 profiles_used;
};

/* At most so many of each: the pools of the engine. */
struct refdata_max {
    u32 instruments;
    u32 accounts;
};

/*
 * Reads instruments, accounts and the profiles that they name ("": there are none) to `out`, which
 * refdata_free gives back. Each thing that is wrong is a line of
 * `errors`: `FILE:LINE: column: value: what is wrong; allowed: ...`. Returns the number of errors;
 * only after 0 is `out` to be used (refdata_free is right in any case).
 */
int refdata_load(const char *instruments_file, const char *accounts_file, const char *profiles_file,
                 const struct refdata_max *max, struct refdata *out, FILE *errors);

/*
 * Reads the firms' limits to `out`, too; "" is no file. Returns the number of errors, which are
 * reported as those of refdata_load.
 */
int refdata_load_firms(const char *file, struct refdata *out, FILE *errors);

/* 1 to 8 letters, digits and `-` as an upper-case name padded with spaces. False: it is none. */
bool refdata_profile_name(const char *text, char out[8]);

/*
 * What holds between accounts, profiles and the listening ports: profiles that ports name, ports
 * that accounts list, accounts that leave their limits to ports without a profile. `path` is the
 * config's, NULL: the defaults. Returns the number of errors.
 */
int refdata_check_ports(const struct refdata *r, const struct conf *conf, const char *path,
                        FILE *errors);
void refdata_free(struct refdata *r);

/* ---- refdata_command.c: rows as commands for the engine ---- */

/* A command of `type` whose values are all zero. */
void refdata_command(union msg *m, u8 type);

/* Finds in `refs`, which stay as they are meanwhile, without a look at every row. */
struct refdata_finder {
    const struct refdata *refs;
    const struct refdata_instrument **symbols; /* rows, by symbol; malloc */
    const struct refdata_account **users;      /* ... by user */
    u64 *before; /* entries of the lists of the accounts in front of each; malloc */
};

void refdata_finder_make(struct refdata_finder *f, const struct refdata *refs);
void refdata_finder_free(struct refdata_finder *f);

/* The row of that padded name; NULL: there is none. */
const struct refdata_instrument *refdata_instrument(const struct refdata_finder *f,
                                                    const char symbol[8]);
const struct refdata_account *refdata_account(const struct refdata_finder *f, const char user[6]);

/* CMD_INSTRUMENT and CMD_ACCOUNT of a row; and of one that the files no longer have: an instrument
 * is halted, an account disabled. */
void refdata_instrument_command(const struct refdata_instrument *r, union msg *m);
void refdata_instrument_gone(const struct msg_instrument *known, union msg *m);
void refdata_account_command(const struct refdata_account *r, union msg *m);
void refdata_account_gone(const struct msg_account *known, union msg *m);

/* CMD_LIMIT of what an account may have at stake; false: it has no limit. */
bool refdata_limit_command(const struct refdata_account *r, union msg *m);

/* CMD_PROFILE, and CMD_LISTED number `at`, from 0, of all that the files list. False: there is
 * none. */
void refdata_profile_command(const struct refdata_profile *r, union msg *m);
bool refdata_listed_command(const struct refdata_finder *f, u64 at, union msg *m);
u64 refdata_listed(const struct refdata *r);

/* The files list what `m` names. */
bool refdata_lists(const struct refdata_finder *f, const struct msg_listed *m);

/* CMD_CHECKS, and a firm's CMD_LIMIT. */
void refdata_checks_command(const struct refdata_account *r, union msg *m);
void refdata_firm_command(const struct msg_limit *firm, union msg *m);

/*
 * Decimal text ("150.25") to `*out` in units of 10^-decimals, exactly. False: not digits with at
 * most one point, more decimals than `decimals`, or above `max`.
 */
bool refdata_decimal(const char *text, u32 decimals, u64 max, u64 *out);

#endif
