/*
 * conf.c - reads the configuration: libyaml's document, walked along the schema.
 *
 * Thread: main at the start, admin at a reload. What enters is a file that anybody may have
 * written; what leaves is a struct of checked values, or every error at once. The walk follows the
 * schema's depth, so neither aliases nor nesting in the file can make it long. A key that the
 * schema does not know is an error, with the key that was probably meant; so is a key given twice.
 * The value of an unknown key is never printed: it may be a password in the wrong place.
 *
 * Failure modes: no file, no YAML, wrong values. All give a count above 0 and lines in `errors`.
 */
#include "gateway/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "engine/base/assert.h"
#include "gateway/conf_schema.h"
#include "persist/postgres.h"

#define FILE_BYTES_MAX (1u << 20)
#define KEY_BYTES      128u /* of a key as shown, with its section */

struct walk {
    yaml_document_t *doc;
    struct conf *conf;
    struct report errors;
    struct conf_lines lines;
};

/* A mapping that is being read: a section of struct conf, or one item of a list. */
struct place {
    const char *prefix; /* in the schema: "gateway.listen[]" */
    const char *shown;  /* for people: "gateway.listen[2]" */
    void *base;         /* what the rows' places count from */
    bool *seen;         /* by row; NULL outside lists */
};

static void walk_mapping(struct walk *w, const yaml_node_t *node, const struct place *p);

static u32 line_of(const yaml_node_t *node)
{
    return (u32)node->start_mark.line + 1;
}

static bool is_empty_scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
           node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* The scalar's text; NULL when it is none or has a zero byte inside. */
static const char *text_of(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

static void join(char out[KEY_BYTES], const char *prefix, const char *name)
{
    snprintf(out, KEY_BYTES, "%.60s%s%.60s", prefix, *prefix ? "." : "", name); /* cut for show */
}

static void unknown_key(struct walk *w, u32 line, const struct place *p, const char *name)
{
    const struct conf_key *like = conf_key_like(p->prefix, name);
    char shown[KEY_BYTES], here[1024] = "";
    const char *last;

    join(shown, p->shown, name);
    if (like) {
        report_error(&w->errors, line, shown, NULL, "unknown key; did you mean %s?", like->path);
        return;
    }
    for (u32 i = 0; i < conf_schema_used; i++) {
        if (!conf_key_in(&conf_schema[i], p->prefix, &last))
            continue;
        size_t n = strlen(here);
        snprintf(here + n, sizeof here - n, "%s%s", n ? ", " : "", last);
    }
    report_error(&w->errors, line, shown, NULL, "unknown key; allowed: %s", here);
}

static void wrong_kind(struct walk *w, const yaml_node_t *node, const struct conf_key *key,
                       const char *shown)
{
    static const char *const kinds[] = {
        [YAML_NO_NODE] = "nothing",
        [YAML_SCALAR_NODE] = "a single value",
        [YAML_SEQUENCE_NODE] = "a list",
        [YAML_MAPPING_NODE] = "a section",
    };
    char allowed[256];

    conf_allowed(key, allowed, sizeof allowed);
    bool zero = node->type == YAML_SCALAR_NODE && !text_of(node);
    report_error(&w->errors, line_of(node), shown, NULL, "%s stands here; allowed: %s",
                 zero ? "a text with a zero byte" : kinds[node->type], allowed);
}

static void read_value(struct walk *w, const yaml_node_t *node, const struct conf_key *key,
                       const char *shown, void *field)
{
    const char *text = text_of(node);
    char allowed[256];

    if (!text) {
        wrong_kind(w, node, key, shown);
        return;
    }
    const char *wrong = conf_value_parse(key, text, field);
    if (!wrong)
        return;
    conf_allowed(key, allowed, sizeof allowed);
    const char *value = key->type == CONF_CONNINFO ? "(not shown)" : text;
    report_error(&w->errors, line_of(node), shown, value, "%s; allowed: %s", wrong, allowed);
}

/* A sequence of words, each at most once. */
static void read_set(struct walk *w, const yaml_node_t *node, const struct conf_key *key,
                     const char *shown, u32 *field)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        wrong_kind(w, node, key, shown);
        return;
    }
    *field = 0;
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        const yaml_node_t *item = yaml_document_get_node(w->doc, *i);
        u32 before = *field;
        int errors = w->errors.count;
        read_value(w, item, key, shown, field);
        if (*field == before && w->errors.count == errors)
            report_error(&w->errors, line_of(item), shown, text_of(item),
                         "given twice; allowed: each once");
    }
    if (node->data.sequence.items.start == node->data.sequence.items.top)
        report_error(&w->errors, line_of(node), shown, NULL, "empty; allowed: at least one of %s",
                     key->unit);
}

static void default_item(const char *prefix, u8 *item)
{
    const char *name;

    for (u32 i = 0; i < conf_schema_used; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (!conf_key_in(key, prefix, &name) || !key->def)
            continue;
        const char *wrong = conf_value_parse(key, key->def, item + key->at);
        ASSERT(wrong == NULL);
    }
}

/* One item of a list: its keys have their defaults, or must be there. */
static void read_item(struct walk *w, const yaml_node_t *node, const struct conf_key *list, u32 i,
                      u8 *item)
{
    bool seen[CONF_KEYS_MAX] = {false};
    char prefix[KEY_BYTES], shown[KEY_BYTES], missing[KEY_BYTES], allowed[256];
    const char *name;

    snprintf(prefix, sizeof prefix, "%s[]", list->path);
    snprintf(shown, sizeof shown, "%s[%u]", list->path, i);
    if (node->type != YAML_MAPPING_NODE) {
        report_error(&w->errors, line_of(node), shown, text_of(node),
                     "not an item of this list; allowed: sections of keys, as in %s", list->def);
        return;
    }
    memset(item, 0, list->size);
    default_item(prefix, item);
    walk_mapping(w, node, &(struct place){prefix, shown, item, seen});
    for (u32 k = 0; k < conf_schema_used; k++) {
        const struct conf_key *key = &conf_schema[k];
        if (!conf_key_in(key, prefix, &name) || key->def || seen[k])
            continue;
        join(missing, shown, name);
        conf_allowed(key, allowed, sizeof allowed);
        report_error(&w->errors, line_of(node), missing, NULL, "missing; allowed: %s", allowed);
    }
}

/* A list in the file replaces the default list as a whole. */
static void read_list(struct walk *w, const yaml_node_t *node, const struct conf_key *list)
{
    u32 row = (u32)(list - conf_schema), used = 0;
    u8 *base = (u8 *)w->conf;
    char allowed[256];

    if (node->type != YAML_SEQUENCE_NODE) {
        wrong_kind(w, node, list, list->path);
        return;
    }
    conf_allowed(list, allowed, sizeof allowed);
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        const yaml_node_t *item = yaml_document_get_node(w->doc, *i);
        if (used == list->max) {
            report_error(&w->errors, line_of(item), list->path, NULL, "too many items; allowed: %s",
                         allowed);
            break;
        }
        w->lines.item[row][used] = line_of(item);
        read_item(w, item, list, used, base + list->at + used * list->size);
        used++;
    }
    if (used == 0)
        report_error(&w->errors, line_of(node), list->path, NULL, "empty; allowed: %s", allowed);
    memcpy(base + list->used_at, &used, sizeof used);
    for (; used < list->max; used++)
        memset(base + list->at + used * list->size, 0, list->size);
}

static void read_section(struct walk *w, const yaml_node_t *node, const struct conf_key *key)
{
    if (is_empty_scalar(node))
        return; /* all its keys are commented out */
    if (node->type != YAML_MAPPING_NODE) {
        wrong_kind(w, node, key, key->path);
        return;
    }
    walk_mapping(w, node, &(struct place){key->path, key->path, w->conf, NULL});
}

/* The line of an equal key earlier in the mapping; 0 when there is none. */
static u32 earlier(struct walk *w, const yaml_node_t *mapping, const yaml_node_pair_t *end,
                   const char *name)
{
    for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < end; p++) {
        const yaml_node_t *key = yaml_document_get_node(w->doc, p->key);
        const char *text = text_of(key);
        if (text && strcmp(text, name) == 0)
            return line_of(key);
    }
    return 0;
}

/* The value of a known key. */
static void read_known(struct walk *w, const yaml_node_t *value, int row, const struct place *p,
                       const char *shown)
{
    const struct conf_key *key = &conf_schema[row];
    u8 *field = (u8 *)p->base + key->at;
    int errors = w->errors.count;

    if (key->type == CONF_SECTION)
        read_section(w, value, key);
    else if (key->type == CONF_LIST)
        read_list(w, value, key);
    else if (key->type == CONF_SET)
        read_set(w, value, key, shown, (u32 *)(void *)field);
    else
        read_value(w, value, key, shown, field);
    w->lines.bad[row] |= w->errors.count > errors;
}

static void read_pair(struct walk *w, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
                      const struct place *p)
{
    const yaml_node_t *node = yaml_document_get_node(w->doc, pair->key);
    const char *name = text_of(node);
    char shown[KEY_BYTES];

    if (!name) {
        report_error(&w->errors, line_of(node), *p->shown ? p->shown : NULL, NULL,
                     "a key that is no plain text; allowed: key: value");
        return;
    }
    int row = conf_key_find(p->prefix, name, strlen(name));
    if (row < 0) {
        unknown_key(w, line_of(node), p, name);
        return;
    }
    join(shown, p->shown, name);
    u32 before = earlier(w, mapping, pair, name);
    if (before != 0) {
        report_error(&w->errors, line_of(node), shown, NULL,
                     "given twice, first in line %u; allowed: each key once", before);
        return;
    }
    if (p->seen)
        p->seen[row] = true;
    else
        w->lines.key[row] = line_of(node);
    read_known(w, yaml_document_get_node(w->doc, pair->value), row, p, shown);
}

static void walk_mapping(struct walk *w, const yaml_node_t *node, const struct place *p)
{
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        read_pair(w, node, pair, p);
}

static void walk_document(struct walk *w)
{
    const yaml_node_t *root = yaml_document_get_root_node(w->doc);

    if (!root || is_empty_scalar(root))
        return; /* a file of comments: all defaults */
    if (root->type != YAML_MAPPING_NODE) {
        report_error(&w->errors, line_of(root), NULL, NULL,
                     "this is no configuration; allowed: lines of key: value");
        return;
    }
    walk_mapping(w, root, &(struct place){"", "", w->conf, NULL});
}

static void syntax_error(struct walk *w, const yaml_parser_t *parser, const char *text,
                         size_t bytes)
{
    const yaml_mark_t *at = &parser->problem_mark, *from = &parser->context_mark;
    u32 line = (u32)at->line + 1;
    char context[160] = "";

    if (at->index < bytes && text[at->index] == '\t') {
        report_error(&w->errors, line, NULL, NULL,
                     "not YAML: a tab (column %zu); allowed: spaces in front of keys",
                     at->column + 1);
        return;
    }
    if (parser->context)
        snprintf(context, sizeof context, ", %s from line %zu on", parser->context, from->line + 1);
    report_error(&w->errors, line, NULL, NULL, "not YAML: %s%s (column %zu)",
                 parser->problem ? parser->problem : "cannot be parsed", context, at->column + 1);
}

/* Runs the walk over the one document in `text`. */
static void walk_text(struct walk *w, const char *text, size_t bytes)
{
    yaml_parser_t parser;
    yaml_document_t doc, second;

    if (!yaml_parser_initialize(&parser)) {
        report_error(&w->errors, 0, NULL, NULL, "out of memory");
        return;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    if (!yaml_parser_load(&parser, &doc)) {
        syntax_error(w, &parser, text, bytes);
        yaml_parser_delete(&parser);
        return;
    }
    w->doc = &doc;
    walk_document(w);
    w->conf->reference_read = !w->lines.bad[conf_key_row("reference.instruments_file")] &&
                              !w->lines.bad[conf_key_row("reference.accounts_file")];
    bool had_root = yaml_document_get_root_node(&doc) != NULL;
    yaml_document_delete(&doc);
    if (had_root && !yaml_parser_load(&parser, &second)) {
        syntax_error(w, &parser, text, bytes);
    } else if (had_root) {
        const yaml_node_t *root = yaml_document_get_root_node(&second);
        if (root)
            report_error(&w->errors, line_of(root), NULL, NULL,
                         "a second document begins; allowed: one a file");
        yaml_document_delete(&second);
    }
    yaml_parser_delete(&parser);
}

/* The default of a list is YAML itself. */
static void default_list(struct walk *w, const struct conf_key *list)
{
    char text[512];
    const char *dot = strrchr(list->path, '.');
    int section = dot ? (int)(dot - list->path) : 0;
    int n = snprintf(text, sizeof text, "%.*s%s%s: %s%s\n", section, list->path, dot ? ": {" : "",
                     dot ? dot + 1 : list->path, list->def, dot ? "}" : "");

    ASSERT(n > 0 && (size_t)n < sizeof text);
    walk_text(w, text, (size_t)n);
}

void conf_default(struct conf *out)
{
    struct walk w = {.conf = out, .errors = {.out = stderr, .file = "default"}};

    memset(out, 0, sizeof *out);
    for (u32 i = 0; i < conf_schema_used; i++) {
        const struct conf_key *key = &conf_schema[i];
        u8 *field = (u8 *)out + key->at;
        if (key->type == CONF_SECTION || strstr(key->path, "[]."))
            continue;
        if (key->type == CONF_LIST) {
            default_list(&w, key);
        } else if (key->type == CONF_ZONE) { /* conf_check says it when this machine has it not */
            memcpy(field, key->def, strlen(key->def) + 1);
        } else {
            const char *wrong = conf_value_parse(key, key->def, field);
            ASSERT(wrong == NULL);
        }
    }
    ASSERT_EQ(w.errors.count, 0);
}

/* What libpq would not take; it is asked because it alone knows its options. */
static void check_conninfo(struct walk *w, const char *path, const char *text)
{
    u32 row = conf_key_row(path);
    char why[128];

    if (!w->lines.bad[row] && !postgres_conninfo_check(text, why, sizeof why))
        report_error(&w->errors, w->lines.key[row], path, NULL,
                     "%s; allowed: host=... port=... dbname=... user=... and more of libpq's", why);
}

static int conf_read(const char *name, const char *text, size_t bytes, struct conf *out,
                     struct conf_lines *lines, FILE *errors)
{
    struct walk w = {.conf = out, .errors = {.out = errors, .file = name}};

    conf_default(out);
    walk_text(&w, text, bytes);
    conf_check(out, &w.lines, &w.errors);
    check_conninfo(&w, "export.postgres.conninfo", out->postgres.conninfo);
    check_conninfo(&w, "management.conninfo", out->console_conninfo);
    *lines = w.lines;
    return w.errors.count;
}

int conf_parse(const char *name, const char *text, size_t bytes, struct conf *out, FILE *errors)
{
    struct conf_lines lines;

    return conf_read(name, text, bytes, out, &lines, errors);
}

int conf_load_lines(const char *path, struct conf *out, struct conf_lines *lines, FILE *errors)
{
    struct report e = {.out = errors, .file = path};
    FILE *f = fopen(path, "re");

    if (!f) {
        report_error(&e, 0, NULL, NULL, "cannot be opened: %s; give the path of a YAML file",
                     strerror(errno));
        return e.count;
    }
    char *text = malloc(FILE_BYTES_MAX);
    size_t n = text ? fread(text, 1, FILE_BYTES_MAX, f) : 0;
    if (!text || ferror(f))
        report_error(&e, 0, NULL, NULL, "cannot be read: %s; give the path of a YAML file",
                     strerror(errno));
    else if (n == FILE_BYTES_MAX)
        report_error(&e, 0, NULL, NULL, "too large; allowed: less than 1 MiB");
    fclose(f);
    int count = e.count > 0 ? e.count : conf_read(path, text, n, out, lines, errors);
    free(text);
    return count;
}

int conf_load(const char *path, struct conf *out, FILE *errors)
{
    struct conf_lines lines;

    return conf_load_lines(path, out, &lines, errors);
}
