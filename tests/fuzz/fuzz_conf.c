/*
 * fuzz_conf.c - any bytes as a configuration: never a crash; what is taken can be printed and read
 * back as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/conf.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

static int parse(const char *text, size_t bytes, struct conf *out)
{
    char *errors = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&errors, &n);
    int count = conf_parse("fuzz.yaml", text, bytes, out, f);

    fclose(f);
    u32 lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += errors[i] == '\n';
    ASSERT_EQ((int)lines, count); /* an error is a line, whatever the file says */
    free(errors);
    return count;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    static struct conf conf, again;
    char *text = NULL;
    size_t n = 0;

    if (parse((const char *)data, bytes, &conf) != 0)
        return 0;
    FILE *f = open_memstream(&text, &n);
    conf_print(&conf, f);
    fclose(f);
    ASSERT_EQ(parse(text, n, &again), 0);
    ASSERT(memcmp(&conf, &again, sizeof conf) == 0);
    free(text);
    return 0;
}
