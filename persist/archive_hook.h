/*
 * archive_hook.h - the archive's hook as it is: a program, run for one file at a time.
 *
 *   COMMAND put DATA_DIR FILE BYTES TO NAME
 *
 * It puts the first BYTES of DATA_DIR/FILE to TO under NAME, never over something else, and prints
 * the SHA-256 sum of what it has put as 64 hexadecimal digits. Exit code 0: it is there, stable.
 * 3: there is something else of that name. Any other: it failed. scripts/archive is one.
 */
#ifndef WIREBOOK_PERSIST_ARCHIVE_HOOK_H
#define WIREBOOK_PERSIST_ARCHIVE_HOOK_H

#include "persist/archive.h"

struct archive_program;

/* The three strings must outlive it. Memory from malloc. */
struct archive_program *archive_program_new(const char *command, const char *dir, const char *to);

/* Ends a program that runs, and waits for it. */
void archive_program_free(struct archive_program *p);

/* What archive_conf wants. */
struct archive_hook archive_program_hook(struct archive_program *p);

#endif
