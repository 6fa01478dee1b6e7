/*
 * msg.c - what each type of message looks like: its name, count, legal flags, padding and fields.
 *
 * Pure, any thread, no state: tables. What enters are bytes from a ring (trusted) or from a disk
 * (not trusted: msg_check). What leaves is a verdict (msg_print.c: a line for a person); nothing
 * hot runs here. A type without a row in `msg_shapes` does not exist for anybody.
 */
#include "engine/msg/msg.h"

#include "engine/msg/shape.h"

/* clang-format off */
#define SIZE(s, member) sizeof(((struct s *)0)->member)
#define F(type, member, kind) {#member, offsetof(struct type, member), SIZE(type, member), kind, 0}
/* Of a struct within it, under its own name. */
#define N(type, part, member, kind) \
    {#member, offsetof(struct type, part.member), SIZE(type, part.member), kind, 0}
#define T(member, kind, tags) \
    {#member, SLOT_BYTES + offsetof(struct order_terms, member), SIZE(order_terms, member), kind, \
     tags}
#define ZERO(type, member) {offsetof(struct type, member), SIZE(type, member)}

static const struct field start_fields[] = {
    F(msg_start, epoch, NUM), F(msg_start, shard, NUM), F(msg_start, journal_id, ID),
    F(msg_start, accounts_max, NUM), F(msg_start, instruments_max, NUM),
    F(msg_start, orders_max, NUM),
};
static const struct field day_fields[] = {
    F(msg_day, day, NUM), F(msg_day, midnight_ns, NUM),
};
static const struct field instrument_fields[] = {
    F(msg_instrument, symbol, TEXT), F(msg_instrument, instrument, NUM),
    F(msg_instrument, tick, PRICE), F(msg_instrument, lot, NUM), F(msg_instrument, halted, NUM),
    F(msg_instrument, by_operator, NUM), F(msg_instrument, tier, NUM),
    F(msg_instrument, collar_bps, NUM),
    F(msg_instrument, reference_price, PRICE),
};
static const struct field account_fields[] = {
    F(msg_account, user, TEXT), F(msg_account, firm, TEXT), F(msg_account, disabled, NUM),
    F(msg_account, stp, NUM), F(msg_account, stp_level, NUM), F(msg_account, stp_details, NUM),
    F(msg_account, drop, NUM), F(msg_account, drop_ms, NUM), F(msg_account, post_slide, NUM),
    F(msg_account, by_port, HEX),
};
static const struct field kill_fields[] = {
    F(msg_kill, scope, NUM), F(msg_kill, account, NUM), F(msg_kill, firm, TEXT),
};
static const struct field work_fields[] = {
    F(msg_work, kind, NUM), F(msg_work, phase, NUM), F(msg_work, order_ref, NUM),
    F(msg_work, cursor, NUM), F(msg_work, account, NUM),
};
static const struct field login_fields[] = {
    F(msg_login, conn, NUM), F(msg_login, requested_day, NUM), F(msg_login, requested_seq, NUM),
    F(msg_login, peer_ipv4, IPV4), F(msg_login, peer_port, NUM), F(msg_login, dialect, NUM),
    F(msg_login, terms, NUM), N(msg_login, port, stp, NUM), N(msg_login, port, stp_level, NUM),
    N(msg_login, port, drop, NUM), N(msg_login, port, drop_ms, NUM),
    N(msg_login, port, profile, TEXT),
};
static const struct field unbind_fields[] = {
    F(msg_unbind, conn, NUM), F(msg_unbind, bind_id, NUM), F(msg_unbind, gateway, NUM),
    F(msg_unbind, reason, CHAR),
};
static const struct field bound_fields[] = {
    F(msg_bound, conn, NUM),     F(msg_bound, bind_id, NUM),
    F(msg_bound, gateway, NUM),  F(msg_bound, from, NUM),
    F(msg_bound, from_seq, NUM), F(msg_bound, next_seq, NUM),
    N(msg_bound, port, stp, NUM), N(msg_bound, port, stp_level, NUM), N(msg_bound, port, drop, NUM),
    N(msg_bound, port, drop_ms, NUM), N(msg_bound, port, profile, TEXT),
    F(msg_bound, profile_id, NUM),
};
static const struct field login_rejected_fields[] = {
    F(msg_login_rejected, conn, NUM), F(msg_login_rejected, gateway, NUM),
    F(msg_login_rejected, reason, CHAR),
};
static const struct field enter_fields[] = {
    F(msg_enter, user_ref, NUM), F(msg_enter, user_ref_idx, NUM), F(msg_enter, side, CHAR),
    F(msg_enter, qty, NUM), F(msg_enter, symbol, TEXT), F(msg_enter, instrument, NUM),
    F(msg_enter, price, PRICE), F(msg_enter, tif, CHAR), F(msg_enter, display, CHAR),
    F(msg_enter, capacity, CHAR), F(msg_enter, cross_type, CHAR), F(msg_enter, reject, NUM),
};
static const struct field replace_fields[] = {
    F(msg_replace, orig_user_ref, NUM), F(msg_replace, user_ref, NUM),
    F(msg_replace, user_ref_idx, NUM), F(msg_replace, side, CHAR), F(msg_replace, qty, NUM),
    F(msg_replace, price, PRICE), F(msg_replace, tif, CHAR), F(msg_replace, display, CHAR),
    F(msg_replace, reject, NUM), F(msg_replace, collar_bps, NUM),
    F(msg_replace, notional_max, NUM),
};
static const struct field cancel_fields[] = {
    F(msg_cancel, user_ref, NUM), F(msg_cancel, user_ref_idx, NUM), F(msg_cancel, qty, NUM),
};
static const struct field modify_fields[] = {
    F(msg_modify, user_ref, NUM), F(msg_modify, user_ref_idx, NUM), F(msg_modify, side, CHAR),
    F(msg_modify, qty, NUM), F(msg_modify, located, CHAR), F(msg_modify, locate_broker, TEXT),
};
static const struct field mass_fields[] = {
    F(msg_mass, user_ref, NUM), F(msg_mass, user_ref_idx, NUM), F(msg_mass, firm, TEXT),
    F(msg_mass, symbol, TEXT), F(msg_mass, side, CHAR), F(msg_mass, has_group, NUM),
    F(msg_mass, group_id, NUM),
};
static const struct field firm_fields[] = {
    F(msg_firm, user_ref, NUM), F(msg_firm, user_ref_idx, NUM), F(msg_firm, firm, TEXT),
};
static const struct field query_fields[] = {
    F(msg_query, next_user_ref, NUM), F(msg_query, user_ref_idx, NUM),
};
static const struct field system_fields[] = {
    F(msg_system, code, CHAR), F(msg_system, dialect, NUM), F(msg_system, firm, TEXT),
};
static const struct field order_fields[] = {
    F(msg_order, order_ref, NUM), F(msg_order, orig_user_ref, NUM), F(msg_order, user_ref, NUM),
    F(msg_order, user_ref_idx, NUM), F(msg_order, side, CHAR), F(msg_order, qty, NUM),
    F(msg_order, instrument, NUM), F(msg_order, price, PRICE), F(msg_order, tif, CHAR),
    F(msg_order, display, CHAR), F(msg_order, capacity, CHAR), F(msg_order, cross_type, CHAR),
};
static const struct field cancelled_fields[] = {
    F(msg_cancelled, order_ref, NUM), F(msg_cancelled, user_ref, NUM),
    F(msg_cancelled, user_ref_idx, NUM), F(msg_cancelled, instrument, NUM),
    F(msg_cancelled, qty, NUM), F(msg_cancelled, leaves, NUM), F(msg_cancelled, reason, CHAR),
};
static const struct field aiq_cancelled_fields[] = {
    F(msg_aiq_cancelled, order_ref, NUM), F(msg_aiq_cancelled, user_ref, NUM),
    F(msg_aiq_cancelled, user_ref_idx, NUM), F(msg_aiq_cancelled, instrument, NUM),
    F(msg_aiq_cancelled, qty, NUM), F(msg_aiq_cancelled, leaves, NUM),
    F(msg_aiq_cancelled, prevented, NUM), F(msg_aiq_cancelled, price, PRICE),
    F(msg_aiq_cancelled, strategy, CHAR),
};
static const struct field restated_fields[] = {
    F(msg_restated, order_ref, NUM), F(msg_restated, secondary, NUM),
    F(msg_restated, user_ref, NUM), F(msg_restated, user_ref_idx, NUM),
    F(msg_restated, instrument, NUM), F(msg_restated, qty, NUM), F(msg_restated, price, PRICE),
    F(msg_restated, reason, CHAR),
};
static const struct field modified_fields[] = {
    F(msg_modified, order_ref, NUM), F(msg_modified, user_ref, NUM),
    F(msg_modified, user_ref_idx, NUM), F(msg_modified, instrument, NUM),
    F(msg_modified, side, CHAR), F(msg_modified, qty, NUM), F(msg_modified, leaves, NUM),
    F(msg_modified, located, CHAR), F(msg_modified, locate_broker, TEXT),
};
static const struct field executed_fields[] = {
    F(msg_executed, order_ref, NUM), F(msg_executed, match, NUM), F(msg_executed, user_ref, NUM),
    F(msg_executed, user_ref_idx, NUM), F(msg_executed, instrument, NUM),
    F(msg_executed, qty, NUM), F(msg_executed, price, PRICE), F(msg_executed, liquidity, CHAR),
};
static const struct field rejected_fields[] = {
    F(msg_rejected, user_ref, NUM), F(msg_rejected, user_ref_idx, NUM),
    F(msg_rejected, reason, NUM), F(msg_rejected, instrument, NUM),
    F(msg_rejected, clordid, TEXT),
};

static const struct field course_fields[] = {
    F(msg_course, instrument, NUM), F(msg_course, phase, CHAR), F(msg_course, wide, NUM),
    F(msg_course, late, NUM), F(msg_course, closing, NUM), F(msg_course, reason, CHAR),
    F(msg_course, due_ns, NUM),
};
static const struct field phase_fields[] = {
    F(msg_phase, instrument, NUM), F(msg_phase, phase, CHAR), F(msg_phase, next, CHAR),
    F(msg_phase, cross, CHAR), F(msg_phase, wide, NUM), F(msg_phase, late, NUM),
    F(msg_phase, reason, CHAR), F(msg_phase, until_ns, NUM),
    F(msg_phase, reference, PRICE), F(msg_phase, lower, PRICE), F(msg_phase, upper, PRICE),
};
static const struct field bands_fields[] = {
    F(msg_bands, instrument, NUM), F(msg_bands, reference, PRICE), F(msg_bands, lower, PRICE),
    F(msg_bands, upper, PRICE),
};
static const struct field cross_fields[] = {
    F(msg_cross, instrument, NUM), F(msg_cross, cross, CHAR), F(msg_cross, price, PRICE),
    F(msg_cross, paired, NUM), F(msg_cross, imbalance, NUM), F(msg_cross, side, CHAR),
};
static const struct field break_fields[] = {
    F(msg_break, match, NUM), F(msg_break, reason, CHAR), F(msg_break, side[0].account, NUM),
    F(msg_break, side[0].user_ref, NUM), F(msg_break, side[0].user_ref_idx, NUM),
    F(msg_break, side[1].account, NUM), F(msg_break, side[1].user_ref, NUM),
    F(msg_break, side[1].user_ref_idx, NUM), F(msg_break, side[1].sold, NUM),
    F(msg_break, qty, NUM), F(msg_break, price, PRICE), F(msg_break, instrument, NUM),
};
static const struct field broken_fields[] = {
    F(msg_broken, match, NUM), F(msg_broken, user_ref, NUM), F(msg_broken, user_ref_idx, NUM),
    F(msg_broken, reason, CHAR), F(msg_broken, clordid, TEXT),
};
static const struct field limit_fields[] = {
    F(msg_limit, scope, NUM), F(msg_limit, account, NUM), F(msg_limit, user, TEXT),
    F(msg_limit, firm, TEXT), F(msg_limit, exposure_max, NUM), F(msg_limit, daily_max, NUM),
    F(msg_limit, position_max, NUM), F(msg_limit, collar_bps, NUM), F(msg_limit, inherits, HEX),
    F(msg_limit, open_max, NUM), F(msg_limit, source, NUM),
};
static const struct field checks_fields[] = {
    F(msg_checks, account, NUM), F(msg_checks, user, TEXT), F(msg_checks, qty_max, NUM),
    F(msg_checks, notional_max, NUM), F(msg_checks, collar_bps, NUM),
    F(msg_checks, orders_per_s, NUM), F(msg_checks, symbol_per_s, NUM),
    F(msg_checks, repeat_max, NUM), F(msg_checks, repeat_ms, NUM), F(msg_checks, bars, HEX),
    F(msg_checks, inherits, HEX), F(msg_checks, profile, TEXT), F(msg_checks, profile_id, NUM),
    F(msg_checks, source, NUM),
};
static const struct field profile_fields[] = {
    F(msg_profile, id, NUM), F(msg_profile, name, TEXT), F(msg_profile, base, TEXT),
    F(msg_profile, base_id, NUM), N(msg_profile, values, inherits, HEX),
    N(msg_profile, values, qty_max, NUM), N(msg_profile, values, notional_max, NUM),
    N(msg_profile, values, collar_bps, NUM), N(msg_profile, values, orders_per_s, NUM),
    N(msg_profile, values, symbol_per_s, NUM), N(msg_profile, values, repeat_max, NUM),
    N(msg_profile, values, repeat_ms, NUM), N(msg_profile, values, bars, HEX),
    N(msg_profile, values, exposure_max, NUM), N(msg_profile, values, daily_max, NUM),
    N(msg_profile, values, position_max, NUM), N(msg_profile, values, last_bps, NUM),
    N(msg_profile, values, open_max, NUM), F(msg_profile, source, NUM),
};
static const struct field listed_fields[] = {
    F(msg_listed, kind, NUM), F(msg_listed, scope, NUM), F(msg_listed, listed, NUM),
    F(msg_listed, symbol, TEXT), F(msg_listed, instrument, NUM), F(msg_listed, user, TEXT),
    F(msg_listed, account, NUM), F(msg_listed, firm, TEXT), F(msg_listed, source, NUM),
};
static const struct field untraded_fields[] = {
    F(msg_untraded, match, NUM), F(msg_untraded, account[0], NUM), F(msg_untraded, firm[0], TEXT),
    F(msg_untraded, account[1], NUM), F(msg_untraded, firm[1], TEXT), F(msg_untraded, qty, NUM),
    F(msg_untraded, price, PRICE), F(msg_untraded, instrument, NUM),
};
static const struct field late_fields[] = {
    F(msg_late, order_ref, NUM), F(msg_late, user_ref, NUM), F(msg_late, user_ref_idx, NUM),
    F(msg_late, instrument, NUM),
};
static const struct field priority_fields[] = {
    F(msg_priority, order_ref, NUM), F(msg_priority, old_order_ref, NUM),
    F(msg_priority, user_ref, NUM), F(msg_priority, user_ref_idx, NUM),
    F(msg_priority, instrument, NUM), F(msg_priority, price, PRICE),
    F(msg_priority, display, CHAR),
};

static const struct field operator_fields[] = {
    F(msg_operator, request, NUM), F(msg_operator, type, HEX), F(msg_operator, user, TEXT),
    F(msg_operator, uid, NUM), F(msg_operator, role, NUM), F(msg_operator, reason, TEXT),
};
static const struct field operated_fields[] = {
    F(msg_operated, request, NUM), F(msg_operated, type, HEX), F(msg_operated, uid, NUM),
    F(msg_operated, first_seq, NUM), F(msg_operated, outcome, NUM), F(msg_operated, why, NUM),
    F(msg_operated, gone, NUM),
};
static const struct field bar_fields[] = {{"of", offsetof(struct msg_bar, account), 4, NUM, 0}};
static const struct field note_fields[] = {
    F(msg_note, what, NUM), F(msg_note, command, TEXT), F(msg_note, of, TEXT),
    F(msg_note, why, NUM),  F(msg_note, text, TEXT),    F(msg_note, unnoted, NUM),
};
static const struct field look_fields[] = {
    F(msg_look, request, NUM), F(msg_look, what, NUM), F(msg_look, from, NUM),
    F(msg_look, name, TEXT),
};
static const struct field seen_fields[] = {
    F(msg_seen, request, NUM), F(msg_seen, what, NUM), F(msg_seen, id, NUM), F(msg_seen, last, NUM),
};

/* The second slot of the messages that have two. */
const struct field msg_terms_fields[MSG_TERMS_FIELDS] = {
    T(clordid, TEXT, 0), T(tags, HEX, ~0u), T(firm, TEXT, TAG_BIT(2)),
    T(min_qty, NUM, TAG_BIT(3)), T(customer_type, CHAR, TAG_BIT(4)),
    T(max_floor, NUM, TAG_BIT(5)), T(price_type, CHAR, TAG_BIT(6)),
    T(peg_offset, INT, TAG_BIT(7)), T(discretion_price, PRICE, TAG_BIT(9)),
    T(discretion_price_type, CHAR, TAG_BIT(10)), T(discretion_peg_offset, INT, TAG_BIT(11)),
    T(yes, HEX, TAG_BIT(12) | TAG_BIT(16) | TAG_BIT(25)), T(random_reserves, NUM, TAG_BIT(13)),
    T(expire_s, NUM, TAG_BIT(15)), T(handle_inst, CHAR, TAG_BIT(17)),
    T(group_id, NUM, TAG_BIT(24)), T(locate_broker, TEXT, TAG_BIT(26)),
    T(aiq_strategy, CHAR, TAG_BIT(29)), T(aiq_group, TEXT, TAG_BIT(30)),
};

#define FIELDS(f) f, ARRAY_LEN(f)
#define NONE NULL, 0
#define ORDER_FLAGS (MSG_TX_END | MSG_ISO | MSG_DEAD)
#define EXECUTED_FLAGS (MSG_TX_END | MSG_SELL | MSG_TAKER | MSG_FIRST)

const struct shape msg_shapes[256] = {
    [CMD_START] = {"CMD_START", FIELDS(start_fields), 0, 1, {0, 0}},
    [CMD_DAY_OPEN] = {"CMD_DAY_OPEN", FIELDS(day_fields), 0, 1, ZERO(msg_day, zero)},
    [CMD_DAY_END] = {"CMD_DAY_END", FIELDS(day_fields), 0, 1, ZERO(msg_day, zero)},
    [CMD_INSTRUMENT] = {"CMD_INSTRUMENT", FIELDS(instrument_fields), 0, 1,
                        ZERO(msg_instrument, zero)},
    [CMD_ACCOUNT] = {"CMD_ACCOUNT", FIELDS(account_fields), 0, 2, ZERO(msg_account, zero)},
    [CMD_LOGIN] = {"CMD_LOGIN", FIELDS(login_fields), 0, 2, ZERO(msg_login, zero)},
    [CMD_DISCONNECT] = {"CMD_DISCONNECT", FIELDS(unbind_fields), 0, 1, ZERO(msg_unbind, zero)},
    [CMD_ENTER] = {"CMD_ENTER", FIELDS(enter_fields), MSG_ISO, 2, ZERO(msg_enter, zero)},
    [CMD_REPLACE] = {"CMD_REPLACE", FIELDS(replace_fields), MSG_ISO, 2, {0, 0}},
    [CMD_CANCEL] = {"CMD_CANCEL", FIELDS(cancel_fields), 0, 1, ZERO(msg_cancel, zero)},
    [CMD_QUERY] = {"CMD_QUERY", FIELDS(query_fields), 0, 1, ZERO(msg_query, zero)},
    [CMD_MODIFY] = {"CMD_MODIFY", FIELDS(modify_fields), 0, 1, ZERO(msg_modify, zero)},
    [CMD_MASS_CANCEL] = {"CMD_MASS_CANCEL", FIELDS(mass_fields), 0, 1, ZERO(msg_mass, zero)},
    [CMD_DISABLE] = {"CMD_DISABLE", FIELDS(firm_fields), 0, 1, ZERO(msg_firm, zero)},
    [CMD_ENABLE] = {"CMD_ENABLE", FIELDS(firm_fields), 0, 1, ZERO(msg_firm, zero)},
    [CMD_CONTINUE] = {"CMD_CONTINUE", NONE, 0, 1, ZERO(msg_bare, zero)},
    [CMD_TICK] = {"CMD_TICK", NONE, 0, 1, ZERO(msg_bare, zero)},
    [EV_STARTED] = {"EV_STARTED", FIELDS(start_fields), MSG_TX_END, 1, {0, 0}},
    [EV_DAY_OPENED] = {"EV_DAY_OPENED", FIELDS(day_fields), MSG_TX_END, 1, ZERO(msg_day, zero)},
    [EV_DAY_ENDED] = {"EV_DAY_ENDED", FIELDS(day_fields), MSG_TX_END, 1, ZERO(msg_day, zero)},
    [EV_INSTRUMENT] = {"EV_INSTRUMENT", FIELDS(instrument_fields), MSG_TX_END, 1,
                       ZERO(msg_instrument, zero)},
    [EV_ACCOUNT] = {"EV_ACCOUNT", FIELDS(account_fields), MSG_TX_END, 2, ZERO(msg_account, zero)},
    [EV_WORK] = {"EV_WORK", FIELDS(work_fields), MSG_TX_END, 1, ZERO(msg_work, zero)},
    [EV_BOUND] = {"EV_BOUND", FIELDS(bound_fields), MSG_TX_END, 2, ZERO(msg_bound, zero)},
    [EV_UNBOUND] = {"EV_UNBOUND", FIELDS(unbind_fields), MSG_TX_END, 1, ZERO(msg_unbind, zero)},
    [EV_LOGIN_REJECTED] = {"EV_LOGIN_REJECTED", FIELDS(login_rejected_fields), MSG_TX_END, 1,
                           ZERO(msg_login_rejected, zero)},
    [EV_SYSTEM] = {"EV_SYSTEM", FIELDS(system_fields), MSG_TX_END, 1, ZERO(msg_system, zero)},
    [EV_ACCEPTED] = {"EV_ACCEPTED", FIELDS(order_fields), ORDER_FLAGS, 2, {0, 0}},
    [EV_REPLACED] = {"EV_REPLACED", FIELDS(order_fields), ORDER_FLAGS, 2, {0, 0}},
    [EV_CANCELLED] = {"EV_CANCELLED", FIELDS(cancelled_fields), MSG_TX_END | MSG_SELL, 1,
                      ZERO(msg_cancelled, zero)},
    [EV_AIQ_CANCELLED] = {"EV_AIQ_CANCELLED", FIELDS(aiq_cancelled_fields),
                          MSG_TX_END | MSG_SELL | MSG_TAKER | MSG_HIDDEN, 1, {0, 0}},
    [EV_RESTATED] = {"EV_RESTATED", FIELDS(restated_fields), MSG_TX_END | MSG_SELL, 1, {0, 0}},
    [EV_EXECUTED] = {"EV_EXECUTED", FIELDS(executed_fields), EXECUTED_FLAGS, 1, {0, 0}},
    [EV_REJECTED] = {"EV_REJECTED", FIELDS(rejected_fields), MSG_TX_END, 1,
                     ZERO(msg_rejected, zero)},
    [EV_QUERIED] = {"EV_QUERIED", FIELDS(query_fields), MSG_TX_END, 1, ZERO(msg_query, zero)},
    [EV_MODIFIED] = {"EV_MODIFIED", FIELDS(modified_fields), MSG_TX_END | MSG_SELL, 1,
                     ZERO(msg_modified, zero)},
    [EV_MASS_CANCELLED] = {"EV_MASS_CANCELLED", FIELDS(mass_fields), MSG_TX_END, 1,
                           ZERO(msg_mass, zero)},
    [EV_DISABLED] = {"EV_DISABLED", FIELDS(firm_fields), MSG_TX_END, 1, ZERO(msg_firm, zero)},
    [EV_ENABLED] = {"EV_ENABLED", FIELDS(firm_fields), MSG_TX_END, 1, ZERO(msg_firm, zero)},
    [CMD_KILL] = {"CMD_KILL", FIELDS(kill_fields), 0, 1, ZERO(msg_kill, zero)},
    [CMD_RESTORE] = {"CMD_RESTORE", FIELDS(kill_fields), 0, 1, ZERO(msg_kill, zero)},
    [EV_KILLED] = {"EV_KILLED", FIELDS(kill_fields), MSG_TX_END, 1, ZERO(msg_kill, zero)},
    [EV_RESTORED] = {"EV_RESTORED", FIELDS(kill_fields), MSG_TX_END, 1, ZERO(msg_kill, zero)},
    [CMD_PHASE] = {"CMD_PHASE", FIELDS(course_fields), 0, 1, ZERO(msg_course, zero)},
    [CMD_BREAK] = {"CMD_BREAK", FIELDS(break_fields), 0, 2, ZERO(msg_break, zero2)},
    [EV_BROKEN] = {"EV_BROKEN", FIELDS(broken_fields), MSG_TX_END, 1, ZERO(msg_broken, zero)},
    [CMD_LIMIT] = {"CMD_LIMIT", FIELDS(limit_fields), 0, 2, ZERO(msg_limit, zero)},
    [EV_LIMIT] = {"EV_LIMIT", FIELDS(limit_fields), MSG_TX_END, 2, ZERO(msg_limit, zero)},
    [CMD_CHECKS] = {"CMD_CHECKS", FIELDS(checks_fields), 0, 2, ZERO(msg_checks, zero)},
    [EV_CHECKS] = {"EV_CHECKS", FIELDS(checks_fields), MSG_TX_END, 2, ZERO(msg_checks, zero)},
    [CMD_PROFILE] = {"CMD_PROFILE", FIELDS(profile_fields), 0, 2, ZERO(msg_profile, zero)},
    [EV_PROFILE] = {"EV_PROFILE", FIELDS(profile_fields), MSG_TX_END, 2, ZERO(msg_profile, zero)},
    [CMD_LISTED] = {"CMD_LISTED", FIELDS(listed_fields), 0, 1, ZERO(msg_listed, zero)},
    [EV_LISTED] = {"EV_LISTED", FIELDS(listed_fields), MSG_TX_END, 1, ZERO(msg_listed, zero)},
    [EV_UNTRADED] = {"EV_UNTRADED", FIELDS(untraded_fields), MSG_TX_END, 2,
                     ZERO(msg_untraded, zero)},
    [EV_COURSE] = {"EV_COURSE", FIELDS(course_fields), MSG_TX_END, 1, ZERO(msg_course, zero)},
    [EV_PHASE] = {"EV_PHASE", FIELDS(phase_fields), MSG_TX_END, 1, ZERO(msg_phase, zero)},
    [EV_BANDS] = {"EV_BANDS", FIELDS(bands_fields), MSG_TX_END, 1, ZERO(msg_bands, zero)},
    [EV_CROSS] = {"EV_CROSS", FIELDS(cross_fields), MSG_TX_END, 1, ZERO(msg_cross, zero)},
    [EV_CANCEL_PENDING] = {"EV_CANCEL_PENDING", FIELDS(late_fields), MSG_TX_END, 1,
                           ZERO(msg_late, zero)},
    [EV_CANCEL_REJECTED] = {"EV_CANCEL_REJECTED", FIELDS(late_fields), MSG_TX_END, 1,
                            ZERO(msg_late, zero)},
    [CMD_OPERATOR] = {"CMD_OPERATOR", FIELDS(operator_fields), 0, 4, ZERO(msg_operator, zero)},
    [CMD_BAR] = {"CMD_BAR", FIELDS(bar_fields), 0, 1, ZERO(msg_bar, zero)},
    [CMD_UNBAR] = {"CMD_UNBAR", FIELDS(bar_fields), 0, 1, ZERO(msg_bar, zero)},
    [CMD_EXPEL] = {"CMD_EXPEL", FIELDS(bar_fields), 0, 1, ZERO(msg_bar, zero)},
    [CMD_NOTE] = {"CMD_NOTE", FIELDS(note_fields), 0, 2, ZERO(msg_note, zero)},
    [CMD_LOOK] = {"CMD_LOOK", FIELDS(look_fields), 0, 1, ZERO(msg_look, zero)},
    [EV_OPERATOR] = {"EV_OPERATOR", FIELDS(operated_fields), MSG_TX_END, 1,
                     ZERO(msg_operated, zero)},
    [EV_OPERATED] = {"EV_OPERATED", FIELDS(operated_fields), MSG_TX_END, 1,
                     ZERO(msg_operated, zero)},
    [EV_BARRED] = {"EV_BARRED", FIELDS(bar_fields), MSG_TX_END, 1, ZERO(msg_bar, zero)},
    [EV_UNBARRED] = {"EV_UNBARRED", FIELDS(bar_fields), MSG_TX_END, 1, ZERO(msg_bar, zero)},
    [EV_SEEN] = {"EV_SEEN", FIELDS(seen_fields), MSG_TX_END, 4, ZERO(msg_seen, zero)},
    [EV_PRIORITY] = {"EV_PRIORITY", FIELDS(priority_fields), MSG_TX_END, 1,
                     ZERO(msg_priority, zero)},
};
/* clang-format on */

const char *msg_type_name(u8 type)
{
    return msg_shapes[type].name ? msg_shapes[type].name : "?";
}

u32 msg_type_slots(u8 type)
{
    return msg_shapes[type].slots;
}

bool msg_carried(const struct msg_operator *c, union msg *out)
{
    u32 slots = msg_type_slots(c->type);

    memset(out, 0, sizeof *out);
    out->cmd.type = c->type;
    out->cmd.slots = (u8)slots;
    memcpy((u8 *)out + sizeof out->cmd, c->body, sizeof c->body);
    return slots >= 1 && slots <= 2 && msg_is_command(c->type) &&
           !msg_has_terms(&msg_shapes[c->type]);
}

/* ---- checking ---- */

static bool all_zero(const u8 *bytes, u32 n)
{
    u8 seen = 0;
    for (u32 i = 0; i < n; i++)
        seen |= bytes[i];
    return seen == 0;
}

/* `tags` may name what OUCH 5.0 knows; what is absent must be zero. */
static const char *terms_check(const u8 *m)
{
    const struct order_terms *terms = (const void *)(m + SLOT_BYTES);
    u32 known = TAG_BIT(27) | TAG_BIT(28); /* these two stand in the first slot */

    for (u32 i = 0; i < MSG_TERMS_FIELDS; i++) {
        const struct field *f = &msg_terms_fields[i];
        if (f->tags == 0 || f->tags == ~0u)
            continue;
        known |= f->tags;
        if ((terms->tags & f->tags) == 0 && !all_zero(m + f->at, f->bytes))
            return "an absent appendage field is not zero";
    }
    if ((terms->tags & ~known) != 0)
        return "unknown appendage tag";
    return NULL;
}

/* Its second slot is struct order_terms. */
bool msg_has_terms(const struct shape *shape)
{
    return shape == &msg_shapes[CMD_ENTER] || shape == &msg_shapes[CMD_REPLACE] ||
           shape == &msg_shapes[EV_ACCEPTED] || shape == &msg_shapes[EV_REPLACED];
}

const char *msg_check(const struct slot *slots, u32 avail)
{
    const u8 *m = (const u8 *)slots;

    if (avail == 0)
        return "no message";
    const struct shape *shape = &msg_shapes[m[0]];
    if (shape->slots == 0)
        return "unknown message type";
    if (m[1] != shape->slots)
        return "wrong slot count for its type";
    if (shape->slots > avail)
        return "message is cut short";

    const struct cmd_head *head = (const void *)m;
    if ((head->flags & ~shape->flags) != 0)
        return "illegal flags for its type";
    if (msg_is_command(head->type) && head->zero != 0)
        return "padding is not zero";
    if (!all_zero(m + shape->zero.at, shape->zero.bytes))
        return "padding is not zero";
    return msg_has_terms(shape) ? terms_check(m) : NULL;
}
