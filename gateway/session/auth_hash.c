/*
 * auth_hash.c - the stored form of a password: argon2id by libsodium (auth.h). Any cold thread.
 */
#include "gateway/session/auth.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_pwhash_STRBYTES <= AUTH_HASH_BYTES, "a stored hash fits");

/* What auth_hash asks of the machine: OWASP's second recommendation for argon2id. */
#define HASH_PASSES 2u
#define HASH_BYTES  (19u * 1024 * 1024)

bool auth_hash_good(const char *hash)
{
    return strnlen(hash, AUTH_HASH_BYTES) < AUTH_HASH_BYTES &&
           strncmp(hash, crypto_pwhash_argon2id_STRPREFIX, 10) == 0 &&
           crypto_pwhash_str_needs_rehash(hash, HASH_PASSES, HASH_BYTES) != -1;
}

bool auth_hash(const char *password, char out[AUTH_HASH_BYTES])
{
    char upper[10];
    size_t n = strnlen(password, sizeof upper + 1);

    if (n == 0 || n > sizeof upper || sodium_init() < 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = password[i];
        upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        if (!((upper[i] >= 'A' && upper[i] <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    memset(out, 0, AUTH_HASH_BYTES);
    bool ok = crypto_pwhash_str(out, upper, n, HASH_PASSES, HASH_BYTES) == 0;
    sodium_memzero(upper, sizeof upper);
    return ok;
}
