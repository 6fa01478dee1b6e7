/*
 * fuzz_ouch42.c - a venue under a 4.2 client that is logged in and then says anything: the input is
 * a script of messages over a few tokens, with bytes of its own anywhere in them, of takeovers and
 * of answers that are held up (tests/lib/fuzz_client.h).
 * wb-test: runs=1500
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/session/ouch42.h"
#include "tests/lib/fuzz_client.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* A message of a legal size whose tokens are two of eight and whose rest is the input's. */
static void say(struct rig_client *c, const u8 *bytes, u32 n)
{
    static const u8 types[] = {'O', 'O', 'U', 'X', 'M'};
    static const u32 sizes[] = {49, 48, 47, 19, 20};
    u8 m[64];
    u32 kind = bytes[0] % 5;

    memcpy(m, "O              B...dAAPL    ..u0...^    YAN....NN", 49);
    for (u32 i = 0; i + 3 < n; i += 2)
        m[15 + bytes[i + 2] % 34] = bytes[i + 3];
    m[0] = types[kind];
    m[16] = 0;
    m[17] = 0;
    memset(m + 1, ' ', 14);
    m[1] = (u8)('A' + (bytes[0] >> 5));
    if (kind == 2) {
        memset(m + 15, ' ', 14);
        m[15] = (u8)('A' + (n > 1 ? bytes[1] & 7 : 0));
        memset(m + 29, 0, 3);
        memcpy(m + 41, "YN\0\0\0", 6);
    }
    client_message(c, m, sizes[kind]);
}

/* Decoding alone, in memory of exactly that size. */
static void decode(const u8 *data, size_t size)
{
    u32 n = min_u32((u32)size, 64);
    struct ouch42_names names;
    union msg m;

    if (n == 0)
        return;
    u8 *copy = malloc(n);
    memcpy(copy, data, n);
    if (ouch42_decode(copy, n, &m, &names) == OUCH5_COMMAND)
        ASSERT(msg_type_slots(m.cmd.type) == m.cmd.slots);
    free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const struct fuzz_dialect dialect = {.listener = RIG_OUCH42, .say = say};

    if (size > 600)
        size = 600;
    decode(data, size);
    fuzz_client_run(&dialect, data, size);
    return 0;
}
