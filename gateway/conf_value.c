/*
 * conf_value.c - one value of the configuration: text to field by its row of the schema, and back.
 *
 * Cold. What enters is untrusted text; nothing is stored unless it is right.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <fcntl.h>

#include "engine/base/assert.h"
#include "gateway/conf_schema.h"

#define NOT_BUILT "not built yet"

/* The place of `text` among the words of `words`; -1 when it is none of them. */
static int word_index(const char *words, const char *text)
{
    size_t n = strlen(text);

    for (int i = 0; words && *words; i++) {
        size_t len = strcspn(words, " ");
        if (len == n && memcmp(words, text, n) == 0)
            return i;
        words += len + (words[len] == ' ');
    }
    return -1;
}

/* Digits only: no sign, no space, no 0x. False also beyond 64 bits. */
static bool parse_u64(const char *text, u64 *out)
{
    u64 v = 0;

    if (*text == 0)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *text - '0', &v))
            return false;
    }
    *out = v;
    return true;
}

static const char *parse_int(const struct conf_key *key, const char *text, u64 *field)
{
    u64 v;

    if (text[0] == '-' && text[1] >= '0' && text[1] <= '9')
        return "too small";
    if (*text && strspn(text, "0123456789") == strlen(text) && !parse_u64(text, &v))
        return "too large";
    if (!parse_u64(text, &v))
        return "not a whole number";
    if (v < key->min)
        return "too small";
    if (v > key->max)
        return "too large";
    *field = v;
    return NULL;
}

static const char *parse_bool(const char *text, bool *field)
{
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;

    if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
        return "neither yes nor no";
    *field = yes;
    return NULL;
}

static const char *parse_text(const struct conf_key *key, const char *text, char *field)
{
    size_t n = strlen(text);

    ASSERT_LT(key->max, key->size);
    if (n < key->min)
        return "empty";
    if (n > key->max)
        return "too long";
    for (const char *c = text; *c; c++)
        if ((u8)*c < ' ' || *c == 0x7F)
            return "contains a control character";
    memset(field, 0, key->size);
    memcpy(field, text, n);
    return NULL;
}

/* `password=` in a keyword string, `user:secret@` in an address. */
static bool has_password(const char *conninfo)
{
    if (strcasestr(conninfo, "password"))
        return true;
    const char *authority = strstr(conninfo, "://");
    if (!authority)
        return false;
    authority += 3;
    size_t n = strcspn(authority, "/?");
    const char *at = memchr(authority, '@', n);
    return at && memchr(authority, ':', (size_t)(at - authority));
}

static const char *parse_conninfo(const struct conf_key *key, const char *text, char *field)
{
    if (has_password(text))
        return "a password does not belong in this file, it goes into password_file";
    return parse_text(key, text, field);
}

/* A file of the tz database begins with "TZif". */
bool conf_zone_exists(const char *name)
{
    const char *dir = getenv("TZDIR");
    char path[512], magic[4] = {0};

    if (name[0] == '/' || strstr(name, ".."))
        return false;
    int n = snprintf(path, sizeof path, "%s/%s", dir ? dir : "/usr/share/zoneinfo", name);
    if (n < 0 || (size_t)n >= sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, magic, sizeof magic);
    close(fd);
    return got == 4 && memcmp(magic, "TZif", 4) == 0;
}

static const char *parse_zone(const struct conf_key *key, const char *text, char *field)
{
    char checked[CONF_TEXT_BYTES];
    const char *wrong = parse_text(key, text, checked);

    if (wrong)
        return wrong;
    if (!conf_zone_exists(text))
        return "no such time zone on this machine (package tzdata?)";
    return parse_text(key, text, field);
}

/* One of a list of hosts, `n` characters: NAME, NAME:PORT or [ADDRESS]:PORT. */
static const char *check_host(const char *text, size_t n)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    bool six = n > 0 && text[0] == '[';
    size_t name = six ? 1 + strspn(text + 1, "0123456789abcdefABCDEF:.") : strspn(text, letters);

    if (six && (name >= n || text[name++] != ']'))
        return "an address in [ ] does not end";
    if (name == 0 || (six && name == 2))
        return "a host without a name";
    if (name >= n)
        return NULL;
    size_t digits = strspn(text + name + 1, "0123456789");
    unsigned long port = strtoul(text + name + 1, NULL, 10);
    if (text[name] != ':' || name + 1 + digits != n || port < 1 || port > 65535)
        return "not a host, or not a port behind it; write names and ports as in a,b:6380";
    return NULL;
}

static const char *parse_hosts(const struct conf_key *key, const char *text, char *field)
{
    for (const char *at = text;; at += strcspn(at, ",") + 1) {
        const char *wrong = check_host(at, strcspn(at, ","));
        if (wrong)
            return wrong;
        if (at[strcspn(at, ",")] == '\0')
            return parse_text(key, text, field);
    }
}

static const char *parse_address(const char *text, u32 *field)
{
    struct in_addr a;

    if (inet_pton(AF_INET, text, &a) != 1)
        return "not an IPv4 address";
    *field = a.s_addr;
    return NULL;
}

/* 10.0.0.0/16. Bits of the address behind the prefix are most likely a slip of the pen. */
const char *conf_network_parse(const char *text, struct conf_network *field)
{
    char address[INET_ADDRSTRLEN] = "";
    const char *slash = strchr(text, '/');
    struct in_addr a;
    u64 bits;

    if (!slash || (size_t)(slash - text) >= sizeof address)
        return "not an IPv4 network";
    memcpy(address, text, (size_t)(slash - text));
    if (inet_pton(AF_INET, address, &a) != 1 || !parse_u64(slash + 1, &bits) || bits > 32)
        return "not an IPv4 network";
    u32 mask = bits == 0 ? 0 : htonl(UINT32_MAX << (32 - bits));
    if ((a.s_addr & ~mask) != 0)
        return "has bits behind its prefix";
    *field = (struct conf_network){a.s_addr, mask};
    return NULL;
}

static const char *parse_minute(const char *text, i64 *field)
{
    if (strcmp(text, "none") == 0) {
        *field = -1;
        return NULL;
    }
    if (strlen(text) != 5 || strspn(text, "0123456789") != 2 || text[2] != ':' ||
        strspn(text + 3, "0123456789") != 2)
        return "not a time of day";
    i64 hour = (text[0] - '0') * 10 + text[1] - '0';
    i64 minute = (text[3] - '0') * 10 + text[4] - '0';
    if (hour > 23 || minute > 59)
        return "not a time of day";
    *field = hour * 60 + minute;
    return NULL;
}

static const char *parse_cpu(const struct conf_key *key, const char *text, i64 *field)
{
    u64 v;

    if (strcmp(text, "none") == 0) {
        *field = -1;
        return NULL;
    }
    const char *wrong = parse_int(key, text, &v);
    if (!wrong)
        *field = (i64)v;
    return wrong;
}

static const char *parse_word(const struct conf_key *key, const char *text, u32 *field)
{
    int i = word_index(key->words, text);

    if (i < 0)
        return word_index(key->later, text) >= 0 ? NOT_BUILT : "unknown word";
    *field = key->type == CONF_SET ? *field | 1u << i : (u32)i;
    return NULL;
}

const char *conf_value_parse(const struct conf_key *key, const char *text, void *field)
{
    switch (key->type) {
    case CONF_INT:
        return parse_int(key, text, field);
    case CONF_BOOL:
        return parse_bool(text, field);
    case CONF_WORD:
    case CONF_SET:
        return parse_word(key, text, field);
    case CONF_TEXT:
        return parse_text(key, text, field);
    case CONF_CONNINFO:
        return parse_conninfo(key, text, field);
    case CONF_HOSTS:
        return parse_hosts(key, text, field);
    case CONF_ZONE:
        return parse_zone(key, text, field);
    case CONF_ADDRESS:
        return parse_address(text, field);
    case CONF_NETWORK:
        return conf_network_parse(text, field);
    case CONF_MINUTE:
        return parse_minute(text, field);
    case CONF_CPU:
        return parse_cpu(key, text, field);
    case CONF_SECTION:
    case CONF_LIST:
        break;
    }
    ASSERT(!"sections and lists have no value of their own");
    return NULL;
}

/* ---- what is allowed ---- */

/* "disk none" as "disk, none". */
static void print_words(const char *words, FILE *out)
{
    for (; *words; words++) {
        if (*words == ' ')
            fputs(", ", out);
        else
            fputc(*words, out);
    }
}

static void print_range(const struct conf_key *key, const char *unit, FILE *out)
{
    if (key->min == key->max)
        fprintf(out, "%llu", (unsigned long long)key->min);
    else
        fprintf(out, "%llu to %llu", (unsigned long long)key->min, (unsigned long long)key->max);
    if (unit)
        fprintf(out, " %s", unit);
}

static void print_allowed(const struct conf_key *key, FILE *out)
{
    switch (key->type) {
    case CONF_SECTION:
        fputs("a section of keys", out);
        break;
    case CONF_LIST:
        fputs("a list of ", out);
        print_range(key, "items", out);
        break;
    case CONF_INT:
        print_range(key, key->unit, out);
        break;
    case CONF_BOOL:
        fputs("yes, no", out);
        break;
    case CONF_SET:
        fprintf(out, "a list of %s", key->unit);
        break;
    case CONF_WORD:
        print_words(key->words, out);
        break;
    case CONF_TEXT:
    case CONF_CONNINFO:
    case CONF_HOSTS:
        print_range(key, "characters", out);
        break;
    case CONF_ZONE:
        fputs("a name of the tz database such as America/New_York", out);
        break;
    case CONF_ADDRESS:
        fputs("an IPv4 address such as 127.0.0.1", out);
        break;
    case CONF_NETWORK:
        fputs("an IPv4 network such as 10.0.0.0/16", out);
        break;
    case CONF_MINUTE:
        fputs("none, or HH:MM from 00:00 to 23:59", out);
        break;
    case CONF_CPU:
        fputs("none, ", out);
        print_range(key, NULL, out);
        break;
    }
}

void conf_allowed(const struct conf_key *key, char *out, size_t bytes)
{
    FILE *f = fmemopen(out, bytes, "w");

    ASSERT(f);
    print_allowed(key, f);
    fclose(f);
    out[bytes - 1] = 0;
}

/* ---- back to YAML ---- */

static void print_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* The i-th of the space-separated words. */
static void print_word(const char *words, u32 i, FILE *out)
{
    for (; i > 0; i--)
        words += strcspn(words, " ") + 1;
    fprintf(out, "%.*s", (int)strcspn(words, " "), words);
}

static void print_set(const char *words, u32 bits, FILE *out)
{
    const char *between = "[";

    for (u32 i = 0; bits >> i != 0; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        fputs(between, out);
        print_word(words, i, out);
        between = ", ";
    }
    fputs(bits ? "]" : "[]", out);
}

static void print_network(const struct conf_network *n, FILE *out)
{
    char address[INET_ADDRSTRLEN];

    fprintf(out, "%s/%d", inet_ntop(AF_INET, &n->ipv4, address, sizeof address),
            __builtin_popcount(n->mask));
}

void conf_value_print(const struct conf_key *key, const void *field, FILE *out)
{
    char address[INET_ADDRSTRLEN];
    i64 number = 0;

    if (key->size == 8)
        memcpy(&number, field, 8);
    switch (key->type) {
    case CONF_INT:
        fprintf(out, "%llu", (unsigned long long)number);
        break;
    case CONF_BOOL:
        fputs(*(const bool *)field ? "yes" : "no", out);
        break;
    case CONF_WORD:
        print_word(key->words, *(const u32 *)field, out);
        break;
    case CONF_SET:
        print_set(key->words, *(const u32 *)field, out);
        break;
    case CONF_TEXT:
    case CONF_CONNINFO:
    case CONF_HOSTS:
    case CONF_ZONE:
        print_quoted(field, out);
        break;
    case CONF_ADDRESS:
        fputs(inet_ntop(AF_INET, field, address, sizeof address), out);
        break;
    case CONF_NETWORK:
        print_network(field, out);
        break;
    case CONF_MINUTE:
        if (number >= 0) /* quoted: YAML 1.1 takes 16:00 for a number to the base of 60 */
            fprintf(out, "\"%02d:%02d\"", (int)(number / 60), (int)(number % 60));
        else
            fputs("none", out);
        break;
    case CONF_CPU:
        fprintf(out, number >= 0 ? "%lld" : "none", (long long)number);
        break;
    case CONF_SECTION:
    case CONF_LIST:
        ASSERT(!"sections and lists have no value of their own");
    }
}
