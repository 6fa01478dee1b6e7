/*
 * session_42.c - sessions that speak OUCH 4.2: tokens in the place of numbers, both ways.
 *
 * Thread: the gateway's. What a client names by token becomes a number before the command leaves,
 * and a number becomes its token before a message leaves; the engine knows numbers alone. The table
 * (tokens.h) follows the account's stream, message by message: live as it comes, else, when a login
 * finds that there is something that this gateway has not seen, from the store or the reader before
 * the client is told that it is in. So a session may come by any gateway after any restart.
 *
 * Failure modes: no room for a new order's token: the order is rejected. No room for what the day
 * has already (the config was made smaller): the login ends, with a line that says what to raise.
 */
#include "gateway/session/session.h"

#include "engine/base/log.h"
#include "gateway/session/ouch42.h"

/* Messages of the store looked at in one turn. */
#define LEARN_PER_TURN 1024u

static u64 learned(const struct account *a)
{
    return max_u64(1, a->book.learned);
}

/* A new order's token. */
static enum ouch5_status take_token(struct sessions *S, struct session *s, const char *token,
                                    u32 *ref, u16 *reject)
{
    struct account *a = s->account;

    switch (tokens_use(&S->tokens, &a->book, a->id, token, ref)) {
    case TOKEN_REPEATED:
        return OUCH5_IGNORED;
    case TOKEN_FULL:
        *reject = OUCH5_PROCESSING;
        metric_add(&S->metrics.tokens_full, 1);
        return OUCH5_COMMAND;
    case TOKEN_NEW:
    case TOKEN_AGAIN:
        break;
    }
    metric_set(&S->metrics.tokens_used, S->tokens.used);
    return OUCH5_COMMAND;
}

enum ouch5_status session_decode42(struct sessions *S, struct session *s, const u8 *bytes, u32 n,
                                   union msg *out)
{
    struct ouch42_names names;
    enum ouch5_status status = ouch42_decode(bytes, n, out, &names);
    const struct account *a = s->account;
    u32 existing = 0;

    if (status != OUCH5_COMMAND)
        return status;
    if (out->cmd.type != CMD_ENTER) {
        existing = tokens_ref(&S->tokens, &a->book, a->id, names.existing);
        if (existing == 0)
            return OUCH5_IGNORED;
    }
    switch (out->cmd.type) {
    case CMD_ENTER:
        return take_token(S, s, names.token, &out->enter.user_ref, &out->enter.reject);
    case CMD_REPLACE:
        out->replace.orig_user_ref = existing;
        return take_token(S, s, names.token, &out->replace.user_ref, &out->replace.reject);
    case CMD_CANCEL:
        out->cancel.user_ref = existing;
        return OUCH5_COMMAND;
    default:
        ASSERT_EQ(out->cmd.type, CMD_MODIFY);
        out->modify.user_ref = existing;
        return OUCH5_COMMAND;
    }
}

void session_note(struct sessions *S, struct account *a, const union msg *m)
{
    struct token_book *b = &a->book;
    bool ok = true;

    if (m->ev.session_seq != learned(a))
        return; /* it was seen, or a login will come for it */
    if (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED)
        ok = tokens_note(&S->tokens, b, a->id, m->order.user_ref, m->order.terms.clordid);
    else if (m->ev.type == EV_REJECTED) /* nothing refers to it any more: it may be forgotten */
        tokens_note(&S->tokens, b, a->id, m->rejected.user_ref, m->rejected.clordid);
    if (ok)
        b->learned = m->ev.session_seq + 1;
    b->full = !ok;
    metric_set(&S->metrics.tokens_used, S->tokens.used);
}

/* The table has no room for what the account's day has. */
static void give_up(struct sessions *S, struct session *s)
{
    log_error("gateway: no room for the tokens of %.6s, %u of them are known: raise "
              "gateway.ouch42_tokens or gateway.ouch42_tokens_per_account",
              s->account->user, s->account->book.used);
    s->account->book.full = false; /* the next login tries again */
    session_end(S, s, UNBIND_SHUTDOWN, false);
}

void session_learn(struct sessions *S, struct session *s)
{
    struct account *a = s->account;
    const struct store *store = &a->store;

    for (u32 i = 0; i < LEARN_PER_TURN && learned(a) < store->next_seq && !a->book.full; i++) {
        u64 seq = learned(a);
        if (seq < store->first_seq) {
            session_ask_reader(S, s, seq, store->first_seq - seq);
            return;
        }
        session_note(S, a, store_read(&S->stores, store, &s->cursor, seq));
        metric_add(&S->metrics.tokens_learned, 1);
    }
    if (a->book.full) {
        give_up(S, s);
        return;
    }
    if (learned(a) == store->next_seq) {
        tokens_bound(&a->book);
        session_move(S, s, SESSION_BOUND);
    }
    session_wake(S, s, 0);
}

u32 session_encode42(const struct sessions *S, const union msg *m, const char symbol[8], u8 *out)
{
    u32 ref = ouch42_wants(m);
    struct ouch42_context c = {.symbol = symbol, .midnight_ns = S->midnight_ns};

    if (ref != 0) {
        c.token = tokens_name(&S->tokens, m->ev.account, ref);
        ASSERT(c.token != NULL); /* learned before the client was let in */
    }
    return ouch42_encode(m, &c, out);
}
