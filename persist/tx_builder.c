/*
 * tx_builder.c - see tx_builder.h. The blocks' sums are right, so a failure here is a bug of the
 * writer's, not of the disk's; it is reported all the same, never asserted.
 */
#include "persist/tx_builder.h"

#include "engine/base/assert.h"

u32 tx_builder_reset(struct tx_builder *t)
{
    u32 dropped = t->whole ? 0 : t->used;

    t->block = NULL;
    t->used = 0;
    t->msg_left = 0;
    t->in_step = false;
    t->whole = false;
    return dropped;
}

void tx_builder_block(struct tx_builder *t, const struct block *b)
{
    ASSERT(t->block == NULL);
    ASSERT(b->head.slots_used >= 1 && b->head.slots_used <= BLOCK_SLOTS);
    t->at = 0;
    if (!t->in_step) {
        if (b->head.first_seq == 0)
            return; /* the middle of something that began before */
        t->at = b->head.first_tx_slot;
        t->in_step = true;
    }
    t->block = b;
}

/* Is the transaction that begins at t->at the one that the header names, if it is the first? */
static const char *begin_check(const struct tx_builder *t, const struct cmd_head *cmd)
{
    const struct block_head *h = &t->block->head;

    if (!msg_is_command(cmd->type) || cmd->seq == 0)
        return "a transaction does not begin with a numbered command";
    if (h->first_seq == 0 || t->at < h->first_tx_slot)
        return "a transaction begins before the header says so";
    if (t->at == h->first_tx_slot && cmd->seq != h->first_seq)
        return "the first transaction has another number than the header says";
    return NULL;
}

/* Takes in the first slot of a message. Returns NULL or what is wrong. */
static const char *begin_message(struct tx_builder *t, const struct slot *slot)
{
    const struct cmd_head *head = (const struct cmd_head *)(const void *)slot;
    const char *what = NULL;

    if (t->used == 0) {
        what = begin_check(t, head);
        t->begin_block = t->block->head.block;
        t->begin_epoch = t->block->head.epoch;
    } else if (msg_is_command(head->type)) {
        what = "a command in the middle of a transaction";
    } else if (head->seq != tx_builder_seq(t)) {
        what = "an event with the number of another transaction";
    }
    if (!what && (head->slots < 1 || head->slots > MSG_SLOTS_MAX))
        what = "a message with an impossible count of slots";
    if (!what && t->used + head->slots > TX_SLOTS_MAX)
        what = "a transaction that is too long";
    t->msg_left = head->slots;
    t->last = (head->flags & MSG_TX_END) != 0;
    return what;
}

enum tx_builder_status tx_builder_next(struct tx_builder *t, const char **what)
{
    if (t->whole) {
        t->used = 0;
        t->whole = false;
    }
    while (t->block && t->at < t->block->head.slots_used) {
        const struct slot *slot = &t->block->slots[t->at];
        if (t->msg_left == 0) {
            *what = begin_message(t, slot);
            if (*what)
                return TX_BUILDER_BAD;
        }
        ASSERT_LT(t->used, TX_SLOTS_MAX);
        t->slots[t->used++] = *slot;
        t->at++;
        t->msg_left--;
        if (t->msg_left == 0 && t->last) {
            t->whole = true;
            return TX_BUILDER_TX;
        }
    }
    t->block = NULL;
    return TX_BUILDER_BLOCK;
}
