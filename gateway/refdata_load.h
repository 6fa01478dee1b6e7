/*
 * refdata_load.h - what the two loaders of reference data share. Local to gateway/refdata*.c.
 */
#ifndef WIREBOOK_GATEWAY_REFDATA_LOAD_H
#define WIREBOOK_GATEWAY_REFDATA_LOAD_H

#include "gateway/csv.h"
#include "gateway/refdata.h"

#define REFDATA_NOTIONAL_MAX 1000000000000000ull /* 100 billion in price units */
#define REFDATA_BPS_MAX      10000u              /* 100 % */

/* A padded name and the line that it stands in. */
struct refdata_name {
    char name[8];
    u32 line;
};

struct refdata_loader {
    struct refdata *out;
    struct report report;
    struct refdata_name *symbols; /* of out->instruments, sorted; malloc */
    bool blind; /* there was nothing to read instruments from: any symbol may be */
};

/* Room for one more behind `used` items of `item` bytes: doubles where it must, never NULL. */
void *refdata_grow(void *array, u32 used, size_t item);

/* Reports the row's text in `column`. */
void refdata_wrong(struct csv *c, u32 column, const char *what, const char *allowed);

/* "yes" or "no" to `*out`; false: reported. */
bool refdata_yes_no(struct csv *c, u32 column, bool *out);

/* A symbol padded with spaces to `out`; false: it is none. */
bool refdata_symbol(const char *text, char out[8]);

/* Sorts `n` names and reports those that are there more than once under `column`. */
void refdata_names_sort(struct refdata_name *names, u32 n, const char *column, struct report *r);

/* True when the sorted `names` have `name`. */
bool refdata_names_have(const struct refdata_name *names, u32 n, const char name[8]);

/*
 * A limit of `decimals` decimals to `*out`, at most `max`; the word none is 0. Else it is reported.
 */
bool refdata_limit(struct csv *c, u32 column, u32 decimals, u64 max, u64 *out, const char *allowed);

/* Columns that an accounts file may leave out. */
#define REFDATA_TERMS      "stp", "stp_level", "stp_details", "cancel_on_disconnect", "post_only"
#define REFDATA_TERMS_USED 5u

/* Reads these columns, of which `first` is the first, to `out`; all that is wrong is reported. */
bool refdata_terms(struct csv *c, u32 first, struct msg_account *out);

/* ... and those of what it may have at stake. */
#define REFDATA_LIMITS \
    "max_exposure", "max_daily_notional", "max_position", "last_price_collar_percent"
#define REFDATA_LIMITS_USED 4u

/* Reads these columns to the four limits of `out`, empty ones as inherited; all that is wrong is
 * reported. */
bool refdata_limits(struct csv *c, u32 first, struct msg_limit *out);

/* The column max_open_orders, which must be there: an empty one, where `may_lack`, is inherited. */
bool refdata_open_limit(struct csv *c, u32 column, struct msg_limit *out, bool may_lack);

/* ... and those of what the gateways check beyond the columns that must be there. */
#define REFDATA_CHECKS "orders_per_s", "symbol_orders_per_s", "repeat_max", "repeat_ms", "forbidden"

#define REFDATA_CHECKS_USED 5u

/* Reads these columns to `out`, empty ones as inherited; all that is wrong is reported. */
bool refdata_checks(struct csv *c, u32 first, struct risk_values *out);

/* Columns that accounts must have: an empty one, where `may_lack`, is inherited. */
bool refdata_order_limits(struct csv *c, u32 first, struct risk_values *out, bool may_lack);

/* Reads the profiles to l->out: whatever one is based on comes before it. */
void refdata_load_profiles(const char *file, struct refdata_loader *l);

/* The profile of a padded name; NULL: there is none. */
const struct refdata_profile *refdata_profile(const struct refdata *r, const char name[8]);

/* Reads the accounts to l->out; l->symbols is sorted. */
void refdata_load_accounts(const char *file, u32 max, struct refdata_loader *l);

#endif
