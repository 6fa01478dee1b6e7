/*
 * refdata_load.h - what the two loaders of reference data share. Local to gateway/refdata*.c.
 */
#ifndef WIREBOOK_GATEWAY_REFDATA_LOAD_H
#define WIREBOOK_GATEWAY_REFDATA_LOAD_H

#include "gateway/csv.h"
#include "gateway/refdata.h"

/* A padded name and the line that it stands in. */
struct refdata_name {
    char name[8];
    u32 line;
};

struct refdata_loader {
    struct refdata *out;
    struct report report;
    struct refdata_name *symbols; /* of out->instruments, sorted; malloc */
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

/* Reads the accounts to l->out; l->symbols is sorted. */
void refdata_load_accounts(const char *file, u32 max, struct refdata_loader *l);

#endif
