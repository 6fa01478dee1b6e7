/*
 * pwrite.h - the real disk, written by pwrite in the persist agent's own thread: for machines whose
 * every core spins, where io_uring's kernel workers find no time. See disk.h for what it promises.
 */
#ifndef WIREBOOK_PERSIST_PWRITE_H
#define WIREBOOK_PERSIST_PWRITE_H

#include "persist/disk.h"
#include "persist/why.h"

/* As uring_new. */
struct disk *pwrite_new(const char *path, struct why *why);

#endif
