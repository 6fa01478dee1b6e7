/*
 * request.c - see request.h. Enters: a line from the control socket, not to be trusted. Leaves: a
 * command for the engine, or a sentence on what is wrong. Nothing here knows sockets or rings.
 */
#include "gateway/admin/request.h"

#include <ctype.h>
#include <string.h>

#include "engine/base/log.h"

bool request_name(const struct request *r, const char *name, char *out, u32 bytes)
{
    const char *text = json_string_value(json_object_get(r->args, name));
    size_t n = text ? strlen(text) : 0;

    if (n == 0 || n > bytes)
        return false;
    memset(out, ' ', bytes);
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((u8)text[i]) && !strchr(".+-=/", text[i]))
            return false;
        out[i] = (char)toupper((u8)text[i]);
    }
    return true;
}

bool request_number(const struct request *r, const char *name, u64 max, u64 *out)
{
    const json_t *v = json_object_get(r->args, name);

    if (!v)
        return true;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || (u64)json_integer_value(v) > max)
        return false;
    *out = (u64)json_integer_value(v);
    return true;
}

static bool letter(const struct request *r, const char *name, const char *allowed, u8 *out)
{
    const char *text = json_string_value(json_object_get(r->args, name));

    if (!text || strlen(text) != 1 || !strchr(allowed, text[0]))
        return false;
    *out = (u8)text[0];
    return true;
}

bool request_flag(const struct request *r, const char *name)
{
    return json_is_true(json_object_get(r->args, name));
}

void request_begin(union msg *m, u8 type)
{
    memset(m, 0, sizeof *m);
    m->cmd.type = type;
    m->cmd.slots = (u8)msg_type_slots(type);
}

void request_carry(union msg *m, const struct peer *by, u64 number, u8 type,
                   const u8 body[OPERATOR_BODY_BYTES], const char *reason)
{
    struct msg_operator *o = &m->operator;

    request_begin(m, CMD_OPERATOR);
    o->request = number;
    o->uid = by->uid;
    o->type = type;
    o->role = (u8)by->role;
    memcpy(o->user, by->user, strnlen(by->user, sizeof o->user));
    memcpy(o->body, body, sizeof o->body);
    memcpy(o->reason, reason, strnlen(reason, sizeof o->reason));
}

static const char *build_of_account(u8 type, const struct msg_seen *seen, union msg *out)
{
    request_begin(out, type);
    out->bar.account = seen->id;
    return NULL;
}

static const char *build_disconnect(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)r;
    return build_of_account(CMD_EXPEL, s, m);
}

static const char *build_disable(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)r;
    return build_of_account(CMD_BAR, s, m);
}

static const char *build_enable(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)r;
    return build_of_account(CMD_UNBAR, s, m);
}

static void course(union msg *m, u16 instrument, u8 phase)
{
    request_begin(m, CMD_PHASE);
    m->course.instrument = instrument;
    m->course.phase = phase;
    m->course.reason = COURSE_OPERATOR;
}

static const char *build_halt(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)r;
    course(m, (u16)s->id, PHASE_HALTED);
    return NULL;
}

static const char *build_resume(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)r;
    course(m, (u16)s->id, 0);
    return NULL;
}

static const char *build_phase(const struct request *r, const struct msg_seen *s, union msg *m)
{
    u8 phase;

    if (!letter(r, "phase", "PTXZHV", &phase))
        return "phase: one of P T X Z H V";
    course(m, s ? (u16)s->id : 0, phase);
    m->course.wide = request_flag(r, "wide");
    m->course.late = request_flag(r, "late");
    m->course.closing = request_flag(r, "closing");
    return NULL;
}

/* What is not said stays as it is; a new one begins with tick 0.01 and lot 100. */
static const char *build_instrument(const struct request *r, const struct msg_seen *s, union msg *m)
{
    u64 tick = 100, lot = 100, tier = 0, collar = 0, reference = 0;

    request_begin(m, CMD_INSTRUMENT);
    if (s->id) {
        memcpy((u8 *)m + sizeof m->cmd, s->instrument.terms, sizeof s->instrument.terms);
        tick = m->instrument.tick;
        lot = m->instrument.lot;
        tier = m->instrument.tier;
        collar = m->instrument.collar_bps;
        reference = m->instrument.reference_price;
    }
    if (!request_number(r, "tick", PRICE_LIMIT_MAX, &tick) ||
        !request_number(r, "lot", QTY_MAX, &lot) || !request_number(r, "tier", 2, &tier) ||
        !request_number(r, "collar_bps", 10000, &collar) ||
        !request_number(r, "reference", PRICE_LIMIT_MAX, &reference))
        return "instrument: tick and reference are whole numbers of price units (1/10,000), lot of "
               "shares; tier 0 to 2, collar_bps 0 to 10000";
    memcpy(m->instrument.symbol, r->name, sizeof r->name);
    m->instrument.instrument = 0;
    m->instrument.tick = (u32)tick;
    m->instrument.lot = (u32)lot;
    m->instrument.tier = (u8)tier;
    m->instrument.collar_bps = (u16)collar;
    m->instrument.reference_price = (u32)reference;
    m->instrument.by_operator = 1;
    return NULL;
}

static const char *build_kill_of(u8 type, const struct request *r, const struct msg_seen *s,
                                 union msg *m)
{
    request_begin(m, type);
    if (s) {
        m->kill.scope = KILL_ACCOUNT;
        m->kill.account = s->id;
        return NULL;
    }
    if (request_flag(r, "venue")) {
        m->kill.scope = KILL_VENUE;
        return json_object_get(r->args, "firm") ? "kill: one thing at a time" : NULL;
    }
    m->kill.scope = KILL_FIRM;
    return request_name(r, "firm", m->kill.firm, 4) ? NULL
                                                    : "kill: name a user, a firm, or the venue";
}

static const char *build_kill(const struct request *r, const struct msg_seen *s, union msg *m)
{
    return build_kill_of(CMD_KILL, r, s, m);
}

static const char *build_restore(const struct request *r, const struct msg_seen *s, union msg *m)
{
    return build_kill_of(CMD_RESTORE, r, s, m);
}

static const char *build_break(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)s;
    request_begin(m, CMD_BREAK);
    if (!request_number(r, "match", INT64_MAX, &m->broken_trade.match) ||
        m->broken_trade.match == 0)
        return "break: match is the number of a trade of the open day";
    if (!letter(r, "why", "ECSX", &m->broken_trade.reason))
        return "break: why is E (erroneous), C (consent), S (supervisory) or X (external)";
    return NULL;
}

static const char *build_day_end(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)r;
    (void)s;
    request_begin(m, CMD_DAY_END);
    return NULL;
}

static const char *build_drain(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)r;
    (void)s;
    request_begin(m, CMD_NOTE);
    m->note.what = NOTE_DRAIN;
    return NULL;
}

static const char *build_snapshot(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)r;
    (void)s;
    request_begin(m, CMD_NOTE);
    m->note.what = NOTE_SNAPSHOT;
    return NULL;
}

u64 request_wanted(const struct request *r)
{
    u64 n = 0;

    return request_number(r, "number", INT64_MAX, &n) ? n : 0;
}

static const char *build_request(const struct request *r, const struct msg_seen *s, union msg *m)
{
    (void)s;
    (void)m;
    return request_wanted(r) ? NULL : "request: number is the one that an answer has told";
}

#define REQUEST_CHECKS \
    "qty notional collar_bps orders symbol_orders repeat repeat_ms forbid inherit"

static const struct request_kind kinds[] = {
    {"status", ROLE_VIEWER, false, DO_LIST, "", LOOK_VENUE, NULL},
    {"accounts", ROLE_VIEWER, false, DO_LIST, "", LOOK_ACCOUNT, NULL},
    {"instruments", ROLE_VIEWER, false, DO_LIST, "", LOOK_INSTRUMENT, NULL},
    {"metrics", ROLE_VIEWER, false, DO_METRICS, "", 0, NULL},
    {"stages", ROLE_VIEWER, false, DO_STAGES, "", 0, NULL},
    {"request", ROLE_VIEWER, false, DO_REQUEST, "number", 0, build_request},
    {"disconnect", ROLE_OPERATOR, true, DO_COMMAND, "user", LOOK_ACCOUNT, build_disconnect},
    {"disable", ROLE_OPERATOR, true, DO_COMMAND, "user", LOOK_ACCOUNT, build_disable},
    {"enable", ROLE_OPERATOR, true, DO_COMMAND, "user", LOOK_ACCOUNT, build_enable},
    {"limits", ROLE_ADMIN, true, DO_COMMAND,
     "user firm exposure daily position collar_bps open inherit files", 0, request_limits},
    {"checks", ROLE_ADMIN, true, DO_COMMAND, "user " REQUEST_CHECKS " profile files", LOOK_ACCOUNT,
     request_checks},
    {"profile", ROLE_ADMIN, true, DO_COMMAND,
     "name base " REQUEST_CHECKS " exposure daily position last_bps open files", LOOK_PROFILE,
     request_profile},
    {"profiles", ROLE_VIEWER, false, DO_LIST, "", LOOK_PROFILE, NULL},
    {"restrict", ROLE_OPERATOR, true, DO_COMMAND, "symbol user firm venue short files", 0,
     request_restrict},
    {"unrestrict", ROLE_OPERATOR, true, DO_COMMAND, "symbol user firm venue short files", 0,
     request_unrestrict},
    {"lists", ROLE_VIEWER, false, DO_LIST, "", LOOK_LISTED, NULL},
    {"halt", ROLE_OPERATOR, true, DO_COMMAND, "symbol", LOOK_INSTRUMENT, build_halt},
    {"resume", ROLE_OPERATOR, true, DO_COMMAND, "symbol", LOOK_INSTRUMENT, build_resume},
    {"phase", ROLE_OPERATOR, true, DO_COMMAND, "symbol phase wide late closing", LOOK_INSTRUMENT,
     build_phase},
    {"instrument", ROLE_ADMIN, true, DO_COMMAND, "symbol tick lot tier collar_bps reference",
     LOOK_INSTRUMENT, build_instrument},
    {"kill", ROLE_OPERATOR, true, DO_COMMAND, "user firm venue", LOOK_ACCOUNT, build_kill},
    {"restore", ROLE_OPERATOR, true, DO_COMMAND, "user firm venue", LOOK_ACCOUNT, build_restore},
    {"break", ROLE_ADMIN, true, DO_BREAK, "match why", 0, build_break},
    {"day-end", ROLE_ADMIN, true, DO_COMMAND, "", 0, build_day_end},
    {"snapshot", ROLE_ADMIN, true, DO_COMMAND, "", 0, build_snapshot},
    {"drain", ROLE_ADMIN, true, DO_COMMAND, "", 0, build_drain},
    {"reload", ROLE_ADMIN, true, DO_RELOAD, "", 0, NULL},
};

u8 request_note(const struct request *r)
{
    if (r->kind->build == build_snapshot)
        return NOTE_SNAPSHOT;
    return r->kind->build == build_drain ? NOTE_DRAIN : 0;
}

static const struct request_kind *kind_find(const char *name)
{
    for (u32 i = 0; name && i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* The command of that name; what was asked is kept, whatever it is. */
static const struct request_kind *kind_asked(struct request *r, const char *name)
{
    if (name && *name)
        log_word(r->asked, sizeof r->asked, name, (u32)strnlen(name, sizeof r->asked));
    return kind_find(name);
}

static bool word_in(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (; *words; words += strcspn(words, " "), words += *words == ' ')
        if (strcspn(words, " ") == n && memcmp(words, word, n) == 0)
            return true;
    return false;
}

#define FLAGS "venue wide late closing short files"

static const char *args_check(const struct request *r, json_t *args)
{
    const char *key;
    json_t *value;

    if (args && !json_is_object(args))
        return "args: an object is wanted";
    json_object_foreach(args, key, value)
    {
        if (!word_in(r->kind->args, key))
            return "args: there is one that this command does not have";
        if (word_in(FLAGS, key) && !json_is_boolean(value))
            return "args: venue, wide, late, closing, short and files are true or false";
    }
    return NULL;
}

/* Cut where a character of UTF-8 ends; control characters become '?'. */
static void reason_take(struct request *r, const char *text)
{
    size_t n = text ? strlen(text) : 0;

    if (n > OPERATOR_REASON_BYTES) {
        n = OPERATOR_REASON_BYTES;
        while (n > 0 && ((u8)text[n] & 0xC0) == 0x80)
            n--;
    }
    memset(r->reason, 0, sizeof r->reason);
    for (size_t i = 0; i < n; i++)
        r->reason[i] = (u8)text[i] < ' ' || text[i] == 0x7F ? '?' : text[i];
}

/* The one that the look is for, if there is one. */
static const char *subject(struct request *r)
{
    bool account = r->kind->look == LOOK_ACCOUNT;
    bool profile = r->kind->look == LOOK_PROFILE;
    const char *arg = account ? "user" : profile ? "name" : "symbol";

    if (r->kind->what == DO_LIST || !r->kind->look)
        return NULL;
    bool given = json_object_get(r->args, arg) != NULL;
    if (given && (request_flag(r, "venue") || json_object_get(r->args, "firm")))
        return "one thing at a time: a user, a firm or the venue";
    if (given)
        return request_name(r, arg, r->name, account ? 6 : 8)
                   ? NULL
                   : "a user has 1 to 6 letters and digits, a symbol or profile 1 to 8";
    bool may_lack = strcmp(r->kind->name, "phase") == 0 || word_in(r->kind->args, "venue");
    return may_lack  ? NULL
           : account ? "args: user is missing"
           : profile ? "args: name is missing"
                     : "args: symbol is missing";
}

const char *request_parse(struct request *r, const char *line, size_t bytes)
{
    json_t *root = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, NULL);
    const char *wrong = NULL;
    union msg m;

    memset(r, 0, sizeof *r);
    if (!json_is_object(root))
        wrong = "one object of JSON a line is wanted";
    else if (!(r->kind = kind_asked(r, json_string_value(json_object_get(root, "command")))))
        wrong = "no such command";
    else
        wrong = args_check(r, json_object_get(root, "args"));
    if (json_is_object(root))
        reason_take(r, json_string_value(json_object_get(root, "reason")));
    if (!wrong) {
        r->args = json_incref(json_object_get(root, "args"));
        wrong = subject(r);
    }
    if (!wrong && r->kind->wants_reason && !r->reason[0])
        wrong = "a reason is wanted: it is kept in the journal";
    if (!wrong && r->kind->build) { /* what can be said before the look is said now */
        static const struct msg_seen none;
        wrong = r->kind->build(r, r->name[0] ? &none : NULL, &m);
    }
    json_decref(root);
    if (wrong)
        request_free(r);
    return wrong;
}

void request_free(struct request *r)
{
    json_decref(r->args);
    r->args = NULL;
}

const char *request_why(u8 why)
{
    static const char *const texts[] = {
        "",
        "impossible values",
        "no such account",
        "no such instrument",
        "no room for one more",
        "open orders stand at prices that the new tick does not divide",
        "no trading day is open",
        "not a trade of the open day",
        "the trade was broken before",
        "a party of the trade has no stream today",
        "not a command of operators",
        "no such profile",
        "the profile would be based on itself",
        "the role does not allow it",
        "not a request that can be",
        "the process could not",
    };
    _Static_assert(ARRAY_LEN(texts) == WHY_MAX + 1, "one each");

    return texts[why <= WHY_MAX ? why : 0];
}
