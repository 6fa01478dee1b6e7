/* uring.h - the real disk: a directory, written through io_uring. See disk.h for what it
 * promises. */
#ifndef WIREBOOK_PERSIST_URING_H
#define WIREBOOK_PERSIST_URING_H

#include "persist/disk.h"
#include "persist/why.h"

/*
 * The disk that is directory `path`, which is made when it does not exist. NULL: `why` says what is
 * wrong and what to do. `path` must outlive it. Cold. Given back by its ops->free.
 */
struct disk *uring_new(const char *path, struct why *why);

#endif
