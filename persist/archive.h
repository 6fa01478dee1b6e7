/*
 * archive.h - the cold agent that takes the journal away while it is written: every segment that is
 * full, at each day's end what the day has of the one that is not, and a manifest of the day.
 *
 * Names in the archive are given once and never written again, all under the journal's own name:
 *   0000000000000007.journal            a segment that nothing will be added to
 *   0000000000000007.journal.0000012f   its first 0x12f blocks, at a day's end
 *   20261122.manifest                   SHA-256 sums of what came since the manifest before, in the
 *                                       form of sha256sum(1), that manifest's own sum among them;
 *                                       the first line says how many files, the last one repeats it
 *
 * Where the archive is, only the hook knows (archive_hook.h: a program).
 */
#ifndef WIREBOOK_PERSIST_ARCHIVE_H
#define WIREBOOK_PERSIST_ARCHIVE_H

#include "persist/cursor.h"

#define ARCHIVE_SUM_CHARS 64u              /* a SHA-256 sum in hexadecimal */
#define ARCHIVE_LEDGER    "archive.ledger" /* in data_dir: what the archive has */

struct archive;

/* Takes one file at a time. Never blocks for long. */
struct archive_hook {
    void *ctx;
    /*
     * Begins to put the first `bytes` of `file`, in the journal's directory, there as `name`.
     * Returns 0 or a negative errno.
     */
    int (*begin)(void *ctx, const char *file, u64 bytes, const char *name);
    /*
     * 0: still at it. 1: it is there, stable, now or from before with the same bytes; its sum to
     * `sum`, without a final zero. Negative errno: it is not (-EEXIST: something else is there).
     */
    int (*poll)(void *ctx, char sum[ARCHIVE_SUM_CHARS], u64 now_ns);
};

struct archive_conf {
    struct cursor_conf cursor; /* without a tap: it reads the files */
    struct archive_hook hook;
    u64 journal_id;
};

/* Memory from malloc. Reads the ledger, which needs no lock but the directory's. NULL: `why`. */
struct archive *archive_new(const struct archive_conf *conf, struct why *why);
void archive_free(struct archive *a);

/* The agent's turn: checks some transactions, or looks how the hook is getting on. */
int archive_do_work(void *archive, u64 now_ns);

/* The last transaction of which all is in whole segments of the archive. Any thread. */
const struct durable *archive_passed(const struct archive *a);

#endif
