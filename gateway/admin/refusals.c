/*
 * refusals.c - see refusals.h. Enters: what was refused, with words of operators, cleaned by
 * request.c. Leaves: CMD_OPERATOR with a CMD_NOTE in it, a line of log each.
 *
 * Failure modes: a full ring: the newest refusal of each caller waits for room. A caller who must
 * make room for another one while his waits: it is counted as unnoted. One that waits when the
 * process ends is in the log alone.
 */
#include "gateway/admin/refusals.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"

void refusals_init(struct refusals *r, struct ring *cmds, u64 *numbers)
{
    *r = (struct refusals){.cmds = cmds, .numbers = numbers};
}

void refusals_register_metrics(const struct refusals *r)
{
    metrics_register("wirebook_control_refusals_noted_total", "",
                     "Notes in the journal of requests that were refused before the engine.",
                     METRIC_COUNTER, &r->noted);
    metrics_register("wirebook_control_refusals_unnoted_total", "",
                     "Such requests that the journal has only as a number, since the same caller "
                     "had too many.",
                     METRIC_COUNTER, &r->unnoted);
}

/* ---- one note ---- */

/* Text to `n` bytes, cut where a character of UTF-8 ends. */
static void text_put(char *out, const char *text, u32 n)
{
    u32 used = (u32)strnlen(text, n);

    if (used == n && text[n] != '\0')
        while (used > 0 && ((u8)text[used] & 0xC0) == 0x80)
            used--;
    memcpy(out, text, used);
}

static void note_make(const struct refusal *f, union msg *m)
{
    struct msg_note note = {.what = NOTE_REFUSED, .why = f->why};

    ASSERT(f->why > WHY_NONE && f->why <= WHY_MAX);
    text_put(note.text, f->text, sizeof note.text);
    if (f->request) {
        text_put(note.command, f->request->asked, sizeof note.command);
        memcpy(note.of, f->request->name, sizeof note.of);
    }
    request_carry(m, f->peer, 0, CMD_NOTE, (const u8 *)&note + sizeof note.head,
                  f->request ? f->request->reason : "");
}

static void unnoted_set(union msg *m, u32 n)
{
    u32 at = offsetof(struct msg_note, unnoted) - sizeof(struct cmd_head);

    memcpy(m->operator.body + at, &n, sizeof n);
}

static bool note_send(struct refusals *r, struct refusals_caller *c, u64 now_ns)
{
    u64 from = max_u64(c->full_ns, now_ns);

    if (from - now_ns > (REFUSALS_BURST - 1) * REFUSALS_EVERY_NS)
        return false;
    unnoted_set(&c->last, c->waiting - 1);
    u64 number = *r->numbers + 1;
    c->last.operator.request = number;
    if (!ring_push(r->cmds, &c->last, c->last.cmd.slots))
        return false;
    *r->numbers = number;
    c->full_ns = from + REFUSALS_EVERY_NS;
    metric_add(&r->noted, 1);
    metric_add(&r->unnoted, c->waiting - 1);
    c->waiting = 0;
    return true;
}

/* ---- callers ---- */

static struct refusals_caller *caller_of(struct refusals *r, const struct peer *p)
{
    struct refusals_caller *oldest = &r->callers[0];

    if (p->role == ROLE_NONE)
        return &r->strangers;
    for (u32 i = 0; i < REFUSALS_CALLERS; i++) {
        struct refusals_caller *c = &r->callers[i];
        if (c->used && c->uid == p->uid)
            return c;
        if (oldest->used && (!c->used || c->full_ns < oldest->full_ns))
            oldest = c;
    }
    metric_add(&r->unnoted, oldest->waiting);
    *oldest = (struct refusals_caller){.used = true, .uid = p->uid};
    return oldest;
}

static void tell_log(const struct refusal *f)
{
    char user[40], asked[20], subject[16], text[128];
    const char *command = f->request ? f->request->asked : "";
    const char *of = f->request ? f->request->name : "";

    log_event(LOG_WARN, "operator_refused",
              "user=%s uid=%u role=%s command=%s of=%s why=\"%s\" text=\"%s\"",
              log_word(user, sizeof user, f->peer->user, sizeof f->peer->user), f->peer->uid,
              role_name(f->peer->role),
              log_word(asked, sizeof asked, command, (u32)strlen(command)),
              log_word(subject, sizeof subject, of, (u32)strnlen(of, 8)), request_why(f->why),
              log_quoted(text, sizeof text, f->text));
}

void refusals_add(struct refusals *r, const struct refusal *f, u64 now_ns)
{
    bool look = f->request && f->request->kind && f->request->kind->role == ROLE_VIEWER;

    if (look)
        return;
    if (f->why != WHY_ROLE) /* that has an event of its own: operator_denied */
        tell_log(f);
    struct refusals_caller *c = caller_of(r, f->peer);
    note_make(f, &c->last);
    c->waiting++;
    if (c->waiting == 1)
        note_send(r, c, now_ns);
}

int refusals_step(struct refusals *r, u64 now_ns)
{
    int sent = r->strangers.waiting && note_send(r, &r->strangers, now_ns);

    for (u32 i = 0; i < REFUSALS_CALLERS; i++)
        if (r->callers[i].waiting)
            sent += note_send(r, &r->callers[i], now_ns);
    return sent;
}
