/*
 * auth_memory.h - what auth remembers over a restart of the process: a key and keyed digests.
 *
 * The key is random, made once for each boot of the machine and state directory, and lies in the
 * kernel's keyring of our user: not in a file, not on a disk, not in swap. The digests lie in a
 * file of the state directory. Neither is of use without the other; a reboot ends both. Where the
 * kernel gives no keyring (some containers) the key lives in this process only and nothing is kept.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_AUTH_MEMORY_H
#define WIREBOOK_GATEWAY_SESSION_AUTH_MEMORY_H

#include "engine/base/types.h"

#define AUTH_DIGEST_BYTES 32u
#define AUTH_TAG_BYTES    24u

/* One success: the file's record. Made under the key, so worth nothing under another one. */
struct auth_record {
    char user[6];                 /*  0 padded */
    u16 sum;                      /*  6 of the other bytes: a record that has rotted is named */
    u8 tag[AUTH_TAG_BYTES];       /*  8 of the stored hash: whether it is still that one */
    u8 digest[AUTH_DIGEST_BYTES]; /* 32 of user, password and stored hash */
};
_Static_assert(sizeof(struct auth_record) == 64, "64 bytes on the disk");

struct auth_memory {
    int fd;       /* of the file, open for appending; -1: nothing is kept */
    i32 keyring;  /* serial number of the kernel's key; 0: none */
    u32 days;     /* the key's life after the last start or success */
    u64 renew_ns; /* when the key's life is lengthened next */
};

/*
 * The key of the directory `dir` for `key`, which is filled with randomness by the caller: that is
 * what a new key becomes. False: the kernel gives none, `key` is as it was. `days` of life, 1 to
 * 365. Cold.
 */
bool auth_memory_key(struct auth_memory *m, const char *dir, u32 days, u8 key[AUTH_DIGEST_BYTES]);

/*
 * Reads the file and gives each record to `take`; those that it wants (true) become the new file,
 * in one rename. What is damaged is logged with its offset and left out. A file that cannot be read
 * is an empty one; one that cannot be written is logged, and nothing is kept. Cold.
 */
void auth_memory_load(struct auth_memory *m, const char *dir,
                      bool (*take)(void *ctx, const struct auth_record *r), void *ctx);

/* Sums a record up and appends it; an error ends the keeping, nothing else. Unsynced: to lose it
 * costs a hash. */
void auth_memory_add(struct auth_memory *m, struct auth_record *r);

/* Once in a while: the key lives on as long as the process does. `now_ns` as for an agent. */
void auth_memory_renew(struct auth_memory *m, u64 now_ns);

/* Closes the file. The key stays with the kernel. */
void auth_memory_close(struct auth_memory *m);

#endif
