/* dumped.c - see dumped.h. */
#include "tests/lib/dumped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

struct dump dumped_by;
struct why dumped_why;
struct made_journal dumped_journal;

int dumped_setup(void **state)
{
    (void)state;
    made_journal_init(&dumped_journal, 5);
    made_journal_start(&dumped_journal, 1, 20261122);
    made_journal_trade(&dumped_journal, 4000);
    made_journal_next_day(&dumped_journal, 20261123);
    made_journal_trade(&dumped_journal, 100);
    return 0;
}

int dumped_teardown(void **state)
{
    (void)state;
    made_journal_free(&dumped_journal);
    return 0;
}

struct dump_conf conf_all(enum dump_format format)
{
    return (struct dump_conf){.format = format,
                              .to_seq = UINT64_MAX,
                              .until_ns = UINT64_MAX,
                              .accounts_max = 100,
                              .instruments_max = 100};
}

struct text dumped(struct dump_conf conf, struct mem *mem, const struct slot *slots,
                   const u64 *begins, u64 txs, bool ends)
{
    struct text t;

    conf.out = open_memstream(&t.at, &t.bytes);
    mem_init(mem, 0);
    assert_true(dump_init(&dumped_by, &conf, mem, &dumped_why));
    for (u64 i = 0; i < txs; i++)
        if (!dump_tx(&dumped_by, &slots[begins[i]], (u32)(begins[i + 1] - begins[i])))
            break;
    assert_int_equal(dump_end(&dumped_by, &dumped_why), ends);
    fclose(conf.out);
    mem_free_all(mem);
    return t;
}
