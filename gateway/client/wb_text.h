/*
 * wb_text.h - OUCH messages as people and scripts read them. Pure; cold code.
 */
#ifndef WIREBOOK_CLIENT_WB_TEXT_H
#define WIREBOOK_CLIENT_WB_TEXT_H

#include "gateway/client/wb_ouch.h"

#define WB_LINE_BYTES 1024u /* enough for any line or object made here */
#define WB_PRICE_TEXT 24u   /* enough for any price */

/* "accepted" and the like for an outbound type; "unknown" for one that is not decoded. */
const char *wb_type_name(u8 type);

/* The outbound type of such a name; 0 for another word. */
u8 wb_type_of(const char *name);

/* In words; never NULL. */
const char *wb_reject_text(u16 reason);
const char *wb_cancel_text(char reason);
const char *wb_liquidity_text(char flag);
const char *wb_side_text(char side);
const char *wb_tif_text(char tif);
const char *wb_login_reject_text(char reason);

/* "150.25" to 1502500; at most 4 decimals, "market" for a market order. False: not a price. */
bool wb_parse_price(const char *text, u64 *price);

/* 1502500 to "150.2500", a market order to "market"; writes to `out` and returns it. */
const char *wb_price_text(char out[WB_PRICE_TEXT], u64 price);

/* The fields of `m` in words, without type and number: "ref 3 buy 100 AAPL @ 150.2500 day ...". */
void wb_describe(char out[WB_LINE_BYTES], const struct wb_msg *m);

/* The whole message as one JSON object, without a newline. */
void wb_json(char out[WB_LINE_BYTES], const struct wb_msg *m, u64 seq);

/* `n` bytes as hex digits; `out` has 2 n + 1 bytes. */
void wb_hex(char *out, const u8 *bytes, u32 n);

/* Hex digits to at most `max` bytes. Returns how many, or -1 when the text is not that. */
i32 wb_unhex(u8 *out, u32 max, const char *text);

#endif
