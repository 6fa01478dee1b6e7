/*
 * test_dump.c - a journal's messages as JSON lines and CSV: golden files for every type, the two
 * formats against each other, filters against a naive reading, hostile text, an output that fails.
 *
 * WB_GOLDEN=1 writes the golden files anew: look at the difference before it is committed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "persist/dump.h"
#include "tests/lib/dumped.h"

#define GOLDEN_JSON "tests/data/dump_v1.jsonl"
#define GOLDEN_CSV  "tests/data/dump_v1.csv"

/* ---- every type ---- */

static void field_fill(u8 *m, const struct field *f)
{
    static const char text[] = "AB, \"\\\xC3\xA9\xFF..............";
    u64 v = 7;

    for (u32 i = 0; f->name[i]; i++) /* by its name: a field more changes none of the others */
        v = (v * 31 + (u8)f->name[i]) % 199;
    if (f->kind == TEXT) {
        memset(m + f->at, ' ', f->bytes);
        memcpy(m + f->at, text, min_u32(f->bytes, 9));
    } else if (f->kind == CHAR) {
        m[f->at] = (u8)('A' + v % 26);
    } else if (f->kind == INT) {
        i32 negative = -(i32)v;
        memcpy(m + f->at, &negative, sizeof negative);
    } else {
        memcpy(m + f->at, &v, f->bytes);
    }
}

/* A message in which every field of the type says something else. */
static union msg made_of(u8 type, u64 seq)
{
    const struct field *f;
    union msg m;
    u64 time_ns = 1795357800000000000ull + seq;

    memset(&m, 0, sizeof m);
    for (u32 i = 0; (f = dump_field(type, i)) != NULL; i++)
        field_fill((u8 *)&m, f);
    m.cmd.type = type;
    m.cmd.slots = (u8)msg_type_slots(type);
    m.cmd.flags = msg_shapes[type].flags;
    m.cmd.account = 2;
    m.cmd.seq = seq;
    if (msg_has_terms(&msg_shapes[type]))
        memcpy((u8 *)&m + SLOT_BYTES + offsetof(struct order_terms, tags), &(u32){0x7F03BEFC}, 4);
    if (msg_is_command(type)) {
        m.cmd.time_ns = time_ns;
        m.cmd.gateway = 1;
        m.cmd.bind_id = 9;
    } else {
        m.ev.time_ns = time_ns;
        m.ev.session_seq = 5;
    }
    if (type == EV_INSTRUMENT) /* a name that the others go by */
        memcpy(m.instrument.symbol, "AAPL    ", 8);
    if (type == CMD_OPERATOR) {
        union msg carried = made_of(CMD_KILL, 1);
        m.operator.type = CMD_KILL;
        memcpy(m.operator.body, (u8 *)&carried + 32, sizeof m.operator.body);
    }
    return m;
}

struct all_types {
    struct slot slots[256 * MSG_SLOTS_MAX];
    u64 begins[257];
    u32 used; /* types */
};

static void all_types(struct all_types *a)
{
    u64 at = 0;

    a->used = 0;
    for (u32 type = 255; type > 0; type--) { /* EV_ACCOUNT before most of the others */
        if (msg_type_slots((u8)type) == 0)
            continue;
        union msg m = made_of((u8)type, 1000 - type);
        a->begins[a->used++] = at;
        memcpy(&a->slots[at], &m, msg_slots(&m) * SLOT_BYTES);
        at += msg_slots(&m);
    }
    a->begins[a->used] = at;
}

static char *file_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0;

    assert_non_null(f);
    assert_true(getdelim(&text, &room, 0, f) > 0);
    fclose(f);
    return text;
}

static void file_write(const char *path, const struct text *t)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(t->at, 1, t->bytes, f), t->bytes);
    fclose(f);
}

/* All that `old` says is in `now`, at the same names; there may be more. */
static bool still_says(const json_t *now, const json_t *old)
{
    const char *key;
    const json_t *v;

    if (!json_is_object(old))
        return json_equal(now, old);
    json_object_foreach((json_t *)(uintptr_t)old, key, v)
    {
        if (!still_says(json_object_get(now, key), v))
            return false;
    }
    return true;
}

static bool line_still_says(const char *now, const char *old, bool json)
{
    if (!json)
        return strcspn(now, "\n") == strcspn(old, "\n") &&
               memcmp(now, old, strcspn(old, "\n")) == 0;
    json_t *a = json_loads(now, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *b = json_loads(old, JSON_DISABLE_EOF_CHECK, NULL);
    bool same = a && b && still_says(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

/*
 * Every line of the golden file is there now, in its order, and says what it said: what was once
 * published does not change. Types and fields that are newer than the file may come beside them.
 */
static void golden_check(const struct text *now, const char *path, bool json)
{
    if (getenv("WB_GOLDEN"))
        file_write(path, now);
    char *golden = file_read(path);
    const char *at = now->at;
    u32 n = 0;

    for (const char *line = golden; *line; line = strchr(line, '\n') + 1, n++) {
        while (*at && !line_still_says(at, line, json))
            at = strchr(at, '\n') + 1;
        if (*at == '\0')
            fail_msg("%s: line %u is not what is written now", path, n + 1);
    }
    assert_true(n > 60);
    free(golden);
}

static void golden_json_test(void **state)
{
    static struct all_types a;
    struct mem mem;

    (void)state;
    all_types(&a);
    struct text now = dumped(conf_all(DUMP_JSON), &mem, a.slots, a.begins, a.used, true);
    golden_check(&now, GOLDEN_JSON, true);
    free(now.at);
}

static void golden_csv_test(void **state)
{
    static struct all_types a;
    struct mem mem;
    struct dump_conf conf = conf_all(DUMP_CSV);

    (void)state;
    all_types(&a);
    conf.columns = "seq,time,type,flags,user,symbol,session_seq,bind_id,fields.qty,fields.price,"
                   "fields.side,fields.clordid,carries.type,carries.fields.scope,fields.account[1]";
    struct text now = dumped(conf, &mem, a.slots, a.begins, a.used, true);
    golden_check(&now, GOLDEN_CSV, false);
    free(now.at);
}

/* ---- one format against the other ---- */

/* One cell of RFC 4180 to `out`; returns what follows its separator. */
static const char *cell(const char *at, char *out, size_t room)
{
    bool quoted = *at == '"';
    size_t n = 0;

    for (at += quoted; quoted ? at[0] != '"' || at[1] == '"' : !strchr(",\r", *at); at++) {
        assert_true(n + 1 < room && *at);
        at += quoted && *at == '"';
        out[n++] = *at;
    }
    out[n] = '\0';
    at += quoted;
    assert_true(*at == ',' || *at == '\r');
    return *at == ',' ? at + 1 : at;
}

/* The value of a dotted name as CSV would say it; "" where there is none. */
static void flat(const json_t *object, const char *name, char *out, size_t room)
{
    const json_t *v = object;
    char part[64];

    if (strcmp(name, "flags") == 0) {
        size_t n = 0;
        out[0] = '\0';
        for (size_t i = 0; i < json_array_size(json_object_get(object, name)); i++)
            n += (size_t)snprintf(
                out + n, room - n, "%s%s", i ? " " : "",
                json_string_value(json_array_get(json_object_get(object, name), i)));
        return;
    }
    while (v && *name) {
        size_t n = strcspn(name, ".");
        if (strcspn(name, "[") < n) /* "side[0].account" is one name */
            n = strlen(name);
        snprintf(part, sizeof part, "%.*s", (int)n, name);
        v = json_object_get(v, part);
        name += n + (name[n] == '.');
    }
    if (json_is_integer(v))
        snprintf(out, room, "%lld", (long long)json_integer_value(v));
    else
        snprintf(out, room, "%s", json_is_string(v) ? json_string_value(v) : "");
}

/* Every cell of every row is what the JSON of the same message says under the column's name. */
static void formats_agree_test(void **state)
{
    static struct all_types a;
    struct mem mem;
    u32 filled = 0;

    (void)state;
    all_types(&a);
    struct text csv = dumped(conf_all(DUMP_CSV), &mem, a.slots, a.begins, a.used, true);
    struct text json = dumped(conf_all(DUMP_JSON), &mem, a.slots, a.begins, a.used, true);
    const char *row = strstr(csv.at, "\r\n") + 2;
    const char *line = json.at;
    for (u32 i = 0; i < a.used; i++) {
        json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL);
        const char *header = csv.at;
        char name[80], want[256], got[256];
        assert_non_null(object);
        while (*header != '\r') {
            header = cell(header, name, sizeof name);
            row = cell(row, got, sizeof got);
            flat(object, name, want, sizeof want);
            if (strcmp(want, got) != 0)
                fail_msg("%s: %s is '%s' in CSV and '%s' in JSON",
                         msg_type_name(((u8 *)&a.slots[a.begins[i]])[0]), name, got, want);
            filled += got[0] != '\0';
        }
        assert_memory_equal(row, "\r\n", 2);
        row += 2;
        line = strchr(line, '\n') + 1;
        json_decref(object);
    }
    assert_int_equal(*row, '\0');
    assert_int_equal(*line, '\0');
    assert_true(filled > 20 * a.used / 2);
    free(csv.at);
    free(json.at);
}

/* ---- what cannot be ---- */

static void refused(struct dump_conf conf, const char *text)
{
    struct mem mem;

    mem_init(&mem, 0);
    conf.out = stdout;
    assert_false(dump_init(&dumped_by, &conf, &mem, &dumped_why));
    assert_non_null(strstr(dumped_why.text, text));
    mem_free_all(&mem);
}

static void bad_options_test(void **state)
{
    static const char *const accounts[] = {"",   "TOOLONG", "A B", "#",
                                           "#0", "#-1",     "#1x", "#99999999999"};
    struct dump_conf conf = conf_all(DUMP_CSV);

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(accounts); i++) {
        conf.account = accounts[i];
        refused(conf, "--account");
    }
    conf.account = NULL;
    conf.instrument = "NINELONGS";
    refused(conf, "--instrument");
    conf.instrument = NULL;
    conf.columns = "seq,nothing";
    refused(conf, "\"nothing\"");
    conf.columns = "";
    refused(conf, "which ones");
}

static void output_fails_test(void **state)
{
    struct dump_conf conf = conf_all(DUMP_JSON);
    struct mem mem;
    u64 taken = 0;

    (void)state;
    conf.out = fopen("/dev/full", "w");
    mem_init(&mem, 0);
    assert_true(dump_init(&dumped_by, &conf, &mem, &dumped_why));
    while (taken < dumped_journal.txs &&
           dump_tx(&dumped_by, &dumped_journal.slots[dumped_journal.begins[taken]],
                   (u32)(dumped_journal.begins[taken + 1] - dumped_journal.begins[taken])))
        taken++;
    assert_true(taken < dumped_journal.txs); /* it does not go on for nothing */
    assert_false(dump_end(&dumped_by, &dumped_why));
    assert_non_null(strstr(dumped_why.text, "No space left"));
    fclose(conf.out);
    mem_free_all(&mem);
}

/* An id that is in no table, from a journal that nobody has held against an engine. */
static void foreign_ids_test(void **state)
{
    u64 begins[] = {0, 2, 3};
    struct slot slots[3];
    struct mem mem;

    (void)state;
    union msg account = made_of(EV_ACCOUNT, 1);
    union msg instrument = made_of(EV_INSTRUMENT, 2);
    account.ev.account = UINT32_MAX;
    instrument.instrument.instrument = UINT16_MAX;
    memcpy(slots, &account, 2 * SLOT_BYTES);
    slots[2] = instrument.slots[0];
    struct text t = dumped(conf_all(DUMP_JSON), &mem, slots, begins, 2, true);
    assert_non_null(strstr(t.at, "\"account\":4294967295,\"user\":\"\""));
    free(t.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_json_test),   cmocka_unit_test(golden_csv_test),
        cmocka_unit_test(formats_agree_test), cmocka_unit_test(bad_options_test),
        cmocka_unit_test(output_fails_test),  cmocka_unit_test(foreign_ids_test),
    };
    return cmocka_run_group_tests(tests, dumped_setup, dumped_teardown);
}
