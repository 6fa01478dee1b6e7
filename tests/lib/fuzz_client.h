/*
 * fuzz_client.h - a whole venue under a client that is logged in and then says anything, for
 * fuzzers of one dialect each.
 */
#ifndef WIREBOOK_TESTS_FUZZ_CLIENT_H
#define WIREBOOK_TESTS_FUZZ_CLIENT_H

#include "tests/lib/session_client.h"

struct fuzz_dialect {
    u32 listener; /* that the client comes to: RIG_OUCH42, or 0 for 5.0 */
    /* Sends a message that is nearly right, made of n > 0 bytes of the input. */
    void (*say)(struct rig_client *c, const u8 *bytes, u32 n);
};

/*
 * Runs the input as a script: messages by `say` or of any bytes, takeovers, answers that are held
 * up. Asserts the venue's invariants at its end, and that a replay from 1 is what was seen live.
 */
void fuzz_client_run(const struct fuzz_dialect *d, const u8 *data, size_t size);

#endif
