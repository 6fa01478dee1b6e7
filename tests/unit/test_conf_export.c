/* test_conf_export.c - where the exports go: lists of hosts, TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/conf.h"

static struct conf conf;

/* The reports for a YAML text; to be freed. */
static char *reports(const char *yaml)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    conf_parse("f.yaml", yaml, strlen(yaml), &conf, f);
    fclose(f);
    return text;
}

static void assert_error(const char *yaml, const char *want)
{
    char *text = reports(yaml);

    assert_string_equal(text, want);
    free(text);
}

static void test_redis_hosts_and_tls(void **state)
{
    static const char *const wrong[] = {"a:", "a:0", "a:65536", "a:1x",
                                        "a,", "a b", "[::1",    "[]:1"};
    char yaml[200];

    (void)state;
    assert_error("export: {redis: {host: \"a.example,b:6380,[::1]:7\", tls: yes, tls_name: x}}",
                 "");
    for (u32 i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(yaml, sizeof yaml, "export: {redis: {host: \"%s\"}}\n", wrong[i]);
        char *text = reports(yaml);
        assert_ptr_equal(strstr(text, "f.yaml:1: export.redis.host: "), text);
        assert_non_null(strstr(text, "; allowed: "));
        free(text);
    }
    assert_error("export:\n  redis:\n    tls_ca_file: /ca.pem\n",
                 "f.yaml:3: export.redis.tls_ca_file: /ca.pem: means nothing without "
                 "export.redis.tls; set that to yes, or drop this\n");
    assert_error("export:\n  redis:\n    tls: yes\n    tls_cert_file: /c\n",
                 "f.yaml:4: export.redis.tls_cert_file: a certificate and its key go together; set "
                 "export.redis.tls_key_file, too\n");
    assert_error("export:\n  redis:\n    tls: yes\n    socket: /s\n",
                 "f.yaml:4: export.redis.socket: /s: a Unix socket has no TLS; drop one of the "
                 "two\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_hosts_and_tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
