/* packet_parse.c - a line of a packet script, read word by word; packet_script.h has the syntax. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/packet_script_impl.h"

static __thread char word[64];

void pkt_bad(struct pkt_line *l, const char *format, ...)
{
    va_list args;

    if (l->error[0] != 0)
        return;
    va_start(args, format);
    vsnprintf(l->error, sizeof l->error, format, args);
    va_end(args);
}

/* How many characters the next word has; blanks before it are skipped. `<` and `>` stand alone. */
static u32 word_length(struct pkt_line *l)
{
    while (*l->at == ' ' || *l->at == '\t' || *l->at == ',')
        l->at++;
    u32 n = (u32)strcspn(l->at, " \t\n,<>#");
    return n == 0 && (*l->at == '<' || *l->at == '>') ? 1 : n;
}

const char *pkt_word(struct pkt_line *l)
{
    u32 n = min_u32(word_length(l), sizeof word - 1);

    memcpy(word, l->at, n);
    word[n] = 0;
    return word;
}

bool pkt_take(struct pkt_line *l, const char *wanted)
{
    if (strcmp(pkt_word(l), wanted) != 0)
        return false;
    l->at += word_length(l);
    return true;
}

void pkt_string(struct pkt_line *l, char *out, u32 bytes)
{
    snprintf(out, bytes, "%s", pkt_word(l));
    if (out[0] == 0)
        pkt_bad(l, "a word is missing");
    l->at += word_length(l);
}

i64 pkt_number(struct pkt_line *l)
{
    char *end;
    const char *text = pkt_word(l);
    i64 n = strtoll(text, &end, 0);

    if (end == text || *end != 0)
        pkt_bad(l, "not a number: '%s'", text);
    l->at += word_length(l);
    return n;
}

static u64 pkt_value(struct pkt_line *l)
{
    if (pkt_take(l, "*"))
        return PKT_ANY;
    if (strncmp(pkt_word(l), "last", 4) == 0) {
        l->at += 4;
        return (u32)(l->ts_last + (u64)(*l->at == '-' ? pkt_number(l) : 0));
    }
    return (u64)pkt_number(l);
}

u64 pkt_duration(struct pkt_line *l)
{
    static const struct {
        const char *unit;
        u64 ns;
    } units[] = {{"us", NS_PER_US}, {"ms", NS_PER_MS}, {"s", NS_PER_SEC}};
    char *end;
    const char *text = pkt_word(l);
    double n = strtod(text, &end);

    for (u32 i = 0; i < ARRAY_LEN(units); i++) {
        if (end != text && strcmp(end, units[i].unit) == 0) {
            l->at += word_length(l);
            return (u64)(n * (double)units[i].ns);
        }
    }
    pkt_bad(l, "not a time: '%s'", text);
    return 0;
}

/* A:B; without B it is A. */
static void range(struct pkt_line *l, i64 *start, i64 *end)
{
    char *rest;
    const char *text = pkt_word(l);

    *start = strtoll(text, &rest, 0);
    *end = *start;
    if (rest != text && *rest == ':') {
        text = rest + 1;
        *end = strtoll(text, &rest, 0);
    }
    if (rest == text || *rest != 0)
        pkt_bad(l, "not a range: '%s'", text);
    l->at += word_length(l);
}

static u8 flags_of(struct pkt_line *l)
{
    static const char names[] = "FSRP.UEC";
    const char *text = pkt_word(l);
    u8 flags = 0;

    for (const char *c = text; *c != 0; c++) {
        const char *found = strchr(names, *c);
        if (found == NULL)
            pkt_bad(l, "not flags: '%s'", text);
        else
            flags |= (u8)(1u << (found - names));
    }
    l->at += word_length(l);
    return flags;
}

static void raw_bytes(struct pkt_line *l, struct pkt_said *said)
{
    char hex[2 * sizeof said->raw + 1];

    pkt_string(l, hex, sizeof hex);
    for (u32 i = 0; hex[i] != 0 && hex[i + 1] != 0; i += 2)
        said->raw[said->raw_len++] = (u8)strtoul((char[]){hex[i], hex[i + 1], 0}, NULL, 16);
}

static void sack_blocks(struct pkt_line *l, struct pkt_said *said)
{
    said->sack_is = PKT_PRESENT;
    while (said->sacks < 4 && strchr(pkt_word(l), ':') != NULL) {
        range(l, &said->sack[said->sacks][0], &said->sack[said->sacks][1]);
        said->sacks++;
    }
}

/* `!kind`: it must not be there. True: it was one. */
static bool absent(struct pkt_line *l, struct pkt_said *said)
{
    struct {
        const char *name;
        u8 *is;
    } kinds[] = {{"!mss", &said->mss_is},
                 {"!wscale", &said->wscale_is},
                 {"!sackok", &said->sackok_is},
                 {"!ts", &said->ts_is},
                 {"!sack", &said->sack_is}};

    for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
        if (pkt_take(l, kinds[i].name)) {
            *kinds[i].is = PKT_ABSENT;
            return true;
        }
    }
    return false;
}

static void option(struct pkt_line *l, struct pkt_said *said)
{
    if (absent(l, said))
        return;
    if (pkt_take(l, "mss")) {
        said->mss_is = PKT_PRESENT;
        said->mss = pkt_value(l);
    } else if (pkt_take(l, "wscale")) {
        said->wscale_is = PKT_PRESENT;
        said->wscale = pkt_value(l);
    } else if (pkt_take(l, "sackok")) {
        said->sackok_is = PKT_PRESENT;
    } else if (pkt_take(l, "ts")) {
        said->ts_is = PKT_PRESENT;
        said->ts_val = pkt_value(l);
        said->ts_ecr = pkt_value(l);
    } else if (pkt_take(l, "sack")) {
        sack_blocks(l, said);
    } else if (pkt_take(l, "raw")) {
        raw_bytes(l, said);
    } else if (pkt_take(l, "nots")) {
        said->no_ts = true;
    } else if (!pkt_take(l, "nop")) {
        pkt_bad(l, "not an option: '%s'", pkt_word(l));
    }
}

void pkt_segment(struct pkt_line *l, struct pkt_said *said)
{
    i64 end;

    *said = (struct pkt_said){0};
    said->flags = flags_of(l);
    range(l, &said->seq, &end);
    if (end < said->seq)
        pkt_bad(l, "it ends before it begins");
    said->len = (u32)(end - said->seq);
    if (pkt_take(l, "ack")) {
        said->has_ack = true;
        said->ack = pkt_number(l);
    }
    if (pkt_take(l, "win")) {
        said->has_win = true;
        said->win = (u32)pkt_number(l);
    }
    if (pkt_take(l, "urg")) {
        said->has_urg = true;
        said->urg = (u32)pkt_number(l);
    }
    if (pkt_take(l, "<")) {
        said->has_options = true;
        while (!pkt_take(l, ">") && l->error[0] == 0)
            option(l, said);
    }
}
