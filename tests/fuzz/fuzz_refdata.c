/*
 * fuzz_refdata.c - any bytes as an instruments file and an accounts file, parted by a line of ---.
 *
 * Never a crash; what is taken keeps the promises of refdata.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/msg/msg.h"
#include "gateway/refdata.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

/* A file of `bytes` bytes without a place on any disk. */
static int file_of(const u8 *data, size_t bytes, char path[32])
{
    int fd = memfd_create("fuzz", 0);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, data, bytes), (ssize_t)bytes);
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static void check(const struct refdata *r)
{
    for (u32 i = 0; i < r->instruments_used; i++) {
        const struct refdata_instrument *in = &r->instruments[i];
        ASSERT(in->tick >= 1 && in->tick <= PRICE_LIMIT_MAX);
        ASSERT(in->lot >= 1 && in->lot <= QTY_MAX);
        ASSERT_EQ(in->reference_price % in->tick, 0);
    }
    for (u32 i = 0; i < r->accounts_used; i++) {
        const struct refdata_list *l = &r->accounts[i].restricted;
        ASSERT_LT(strlen(r->accounts[i].password_hash), REFDATA_HASH_BYTES);
        for (u32 s = 1; s < l->used; s++)
            ASSERT(memcmp(l->at[s - 1], l->at[s], 8) < 0);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    const struct refdata_max max = {100, 100};
    const u8 *part = bytes > 0 ? memmem(data, bytes, "\n---\n", 5) : NULL;
    size_t first = part ? (size_t)(part - data) : bytes;
    size_t second = part ? first + 5 : bytes;
    char instruments[32], accounts[32], *errors = NULL;
    size_t n = 0;
    struct refdata r;

    int a = file_of(data, first, instruments);
    int b = file_of(data + second, bytes - second, accounts);
    FILE *f = open_memstream(&errors, &n);
    if (refdata_load(instruments, accounts, "", &max, &r, f) == 0)
        check(&r);
    fclose(f);
    free(errors);
    refdata_free(&r);
    close(a);
    close(b);
    return 0;
}
