/* test_conf_schema.c - the table of keys: sound in itself; every range's edges by walking it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/conf_schema.h"

/* A value of the right form into the field of `key`, or the message. */
static const char *try(const struct conf_key *key, const char *text)
{
    u8 field[CONF_TEXT_BYTES];
    memset(field, 0, sizeof field);
    return conf_value_parse(key, text, field);
}

static void try_int_edges(const struct conf_key *key)
{
    char text[32];

    assert_true(key->min <= key->max);
    for (u32 edge = 0; edge < 2; edge++) {
        u64 v = edge ? key->max : key->min;
        snprintf(text, sizeof text, "%llu", (unsigned long long)v);
        if (try(key, text))
            fail_msg("%s: %s is refused", key->path, text);
        snprintf(text, sizeof text, "%lld", (long long)(edge ? v + 1 : v - 1));
        const char *wrong = try(key, text);
        if (v - 1 + 2 * edge != INT64_MAX + 1ull &&
            (!wrong || strcmp(wrong, edge ? "too large" : "too small") != 0))
            fail_msg("%s: %s is taken", key->path, text);
    }
}

static void try_text_edges(const struct conf_key *key)
{
    char text[CONF_TEXT_BYTES + 1];

    assert_true(key->max < key->size);
    for (u64 n = 0; n <= key->max + 1; n++) {
        memset(text, 'x', n);
        text[n] = 0;
        bool good = n >= key->min && n <= key->max;
        if ((try(key, text) == NULL) != good)
            fail_msg("%s: %llu characters", key->path, (unsigned long long)n);
    }
}

/* Whether `word` stands in the list with nothing but its ends and spaces around it. */
static bool is_word(const char *words, const char *word)
{
    char padded[512], wanted[80];

    snprintf(padded, sizeof padded, " %s ", words);
    snprintf(wanted, sizeof wanted, " %s ", word);
    return strstr(padded, wanted) != NULL;
}

/* Every word by itself, and none that is a piece of one or more of them. */
static void try_words(const struct conf_key *key)
{
    char word[64];
    const char *w = key->words;

    assert_non_null(try(key, ""));
    assert_non_null(try(key, " "));
    while (*w) {
        size_t n = strcspn(w, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, w);
        assert_null(try(key, word));
        word[n - 1] = 0; /* gateway1 is both a word and a piece of gateway10 */
        assert_true((try(key, word) == NULL) == is_word(key->words, word));
        w += n + (w[n] == ' ');
    }
}

static void test_every_range_edge(void **state)
{
    (void)state;
    for (u32 i = 0; i < conf_schema_used; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (key->type == CONF_INT)
            try_int_edges(key);
        else if (key->type == CONF_TEXT || key->type == CONF_CONNINFO)
            try_text_edges(key);
        else if (key->type == CONF_WORD || key->type == CONF_SET)
            try_words(key);
    }
}

/* Each row is complete, unique, and stands behind its section or list. */
static void test_schema_is_sound(void **state)
{
    (void)state;
    for (u32 i = 0; i < conf_schema_used; i++) {
        const struct conf_key *key = &conf_schema[i];
        char prefix[128] = "";
        const char *name, *dot = strrchr(key->path, '.');
        if (dot)
            snprintf(prefix, sizeof prefix, "%.*s", (int)(dot - key->path), key->path);
        assert_true(conf_key_in(key, prefix, &name));
        assert_int_equal(conf_key_find(prefix, name, strlen(name)), i);
        assert_int_equal(conf_key_row(key->path), i);
        assert_true(strlen(key->help) > 5);
        bool item = strstr(key->path, "[].") != NULL;
        if (key->type != CONF_SECTION && !item)
            assert_non_null(key->def);
        if (key->type != CONF_SECTION && key->type != CONF_LIST && key->type != CONF_TEXT &&
            key->type != CONF_CONNINFO && key->type != CONF_HOSTS && key->type != CONF_ZONE)
            assert_true(key->size == (key->type == CONF_BOOL ? 1 : 4) || key->size == 8);
        if (dot && !item)
            assert_int_equal(conf_schema[conf_key_row(prefix)].type, CONF_SECTION);
    }
}

/* The key that was meant: by letters, by a forgotten unit, by its name in another section. */
static void test_likeness(void **state)
{
    static const struct {
        const char *prefix;
        const char *name;
        const char *want;
    } rows[] = {
        {"gateway", "hertabeat_ms", "gateway.heartbeat_ms"}, /* letters changed places */
        {"gateway", "login_timeout", "gateway.login_timeout_ms"},
        {"", "port", "gateway.listen[].port"},
        {"export", "postgre", "export.postgres"},
        {"threads[]", "Name", "threads[].name"},
        {"", "", NULL},
        {"", "zzzzzz", NULL},
        {"", "a-name-of-more-than-thirty-one-characters", NULL},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        const struct conf_key *like = conf_key_like(rows[i].prefix, rows[i].name);
        const char *got = like ? like->path : NULL;
        if ((got == NULL) != (rows[i].want == NULL) || (got && strcmp(got, rows[i].want) != 0))
            fail_msg("'%s' in '%s' is like %s", rows[i].name, rows[i].prefix, got ? got : "none");
    }
}

static struct conf parsed(const char *text)
{
    static struct conf c;

    assert_int_equal(conf_parse("test", text, strlen(text), &c, stderr), 0);
    return c;
}

/* Which keys differ, which of them are live, and that only those are taken over. */
static void test_differences(void **state)
{
    static struct conf now, next;
    struct conf_change ch[CONF_CHANGES_MAX];
    (void)state;

    now = parsed("log: {level: info}\n");
    next = now;
    assert_int_equal(conf_diff(&now, &next, ch), 0);
    next = parsed("log: {level: debug}\nshard: 2\ngateway: {listen: [{port: 9001}], "
                  "balancers: [{network: 10.0.0.0/8}, {network: 10.0.0.0/9}]}\n"
                  "threads: [{name: x, agents: [gateway, engine, persist]}]\n");
    static const struct conf_change want[] = {
        {"shard", CONF_RESTART},
        {"gateway.listen", CONF_RESTART},
        {"gateway.balancers", CONF_LIVE_GATEWAYS},
        {"threads", CONF_RESTART},
        {"log.level", CONF_LIVE_LOG},
    };
    u32 used = conf_diff(&now, &next, ch);
    assert_int_equal(used, ARRAY_LEN(want));
    for (u32 i = 0; i < used; i++) {
        assert_string_equal(ch[i].path, want[i].path);
        assert_int_equal(ch[i].live, want[i].live);
    }
    assert_int_equal(conf_take(&now, &next, ch, used, "test", stderr), 0);
    assert_int_equal(now.log_level, LOG_DEBUG);
    assert_int_equal(now.gateway.balancers_used, 2);
    assert_int_equal(now.shard, 1);
    assert_int_equal(now.gateway.listen[0].port, 9000);
    assert_int_equal(conf_diff(&now, &next, ch), 3); /* what wants a restart still does */
}

/* The file is right as a whole, what may be taken of it is not. */
static void test_half_a_file(void **state)
{
    static struct conf now, next;
    struct conf_change ch[CONF_CHANGES_MAX];
    FILE *null = fopen("/dev/null", "w");
    (void)state;

    now = parsed("# the defaults\n");
    next = parsed("gateway: {heartbeat_ms: 20000, silence_timeout_ms: 30000}\n");
    u32 used = conf_diff(&now, &next, ch);
    for (u32 i = 0; i < used; i++) /* as if that key could not */
        if (strcmp(ch[i].path, "gateway.silence_timeout_ms") == 0)
            ch[i].live = CONF_RESTART;
    assert_int_equal(conf_take(&now, &next, ch, used, "test", null), 1);
    fclose(null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_range_edge), cmocka_unit_test(test_schema_is_sound),
        cmocka_unit_test(test_likeness),         cmocka_unit_test(test_differences),
        cmocka_unit_test(test_half_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
