/*
 * bundle.h - the console's page as `make console` builds it, read into memory once.
 */
#ifndef WIREBOOK_GATEWAY_CONSOLE_BUNDLE_H
#define WIREBOOK_GATEWAY_CONSOLE_BUNDLE_H

#include "engine/base/types.h"

#define BUNDLE_FILES      4u
#define BUNDLE_FILE_BYTES (4u << 20) /* at most, each */

struct bundle_file {
    const char *path; /* in a URL */
    const char *type;
    char *body;
    size_t bytes;
};

struct bundle {
    struct bundle_file files[BUNDLE_FILES];
};

/* Reads all files from `dir`. False after one log line with the remedy; nothing is held then. */
bool bundle_read(struct bundle *b, const char *dir);

/* The file of a URL's path; NULL when there is none. */
const struct bundle_file *bundle_find(const struct bundle *b, const char *path);

void bundle_free(struct bundle *b);

#endif
