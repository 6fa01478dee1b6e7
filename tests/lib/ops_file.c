/* ops_file.c - workloads in files. For tests. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/ops_gen.h"

const char *ops_write(const struct ops *ops, const char *path)
{
    u64 n = ops->header.nwarm + ops->header.nops;
    FILE *f = fopen(path, "wb");

    if (!f)
        return "cannot be created";
    bool good = fwrite(&ops->header, sizeof ops->header, 1, f) == 1 &&
                fwrite(ops->records, sizeof *ops->records, n, f) == n;
    return fclose(f) == 0 && good ? NULL : "cannot be written";
}

const char *ops_read(struct ops *out, const char *path)
{
    FILE *f = fopen(path, "rb");
    const char *wrong = NULL;
    struct ops_header *h = &out->header;

    out->records = NULL;
    if (!f)
        return "cannot be opened";
    if (fread(h, sizeof *h, 1, f) != 1 || h->magic != OPS_MAGIC || h->version != 1 ||
        h->rec_bytes != sizeof(struct ops_record))
        wrong = "is not a workload of version 1";
    else if (h->nwarm > 1ull << 32 || h->nops > 1ull << 32)
        wrong = "is too long";
    u64 n = wrong ? 0 : h->nwarm + h->nops;
    if (!wrong)
        out->records = calloc(n + 1, sizeof *out->records);
    if (!wrong && fread(out->records, sizeof *out->records, n, f) != n)
        wrong = "is shorter than its header says";
    fclose(f);
    return wrong;
}
