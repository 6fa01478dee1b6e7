/*
 * port_rss.h - receive-side scaling in software: which flow a frame belongs to.
 *
 * The Toeplitz hash over the addresses and ports of a segment, as network cards compute it, with
 * our own key. The key repeats two bytes, so both directions of a flow have the same hash: an ICMP
 * error that quotes a segment of ours leads to the flow that the segment belongs to, and a
 * connection that we open ourselves comes back to the queue that its reversed addresses choose.
 * The price is that only 16 bits of a flow's 96 count, folded together; that is far more than there
 * are queues. Pure.
 */
#ifndef WIREBOOK_GATEWAY_PORT_RSS_H
#define WIREBOOK_GATEWAY_PORT_RSS_H

#include "engine/base/types.h"

#define RSS_KEY_BYTES 40u
#define RSS_TABLE_MAX 512u
#define RSS_TABLE     128u /* entries where the device has no table, and ENA's */

/* The key given to devices. */
extern const u8 rss_key[RSS_KEY_BYTES];

/* The Toeplitz hash of `n` <= RSS_KEY_BYTES - 4 bytes under `key`. */
u32 rss_hash(const u8 *key, const u8 *bytes, u32 n);

/*
 * The hash of an Ethernet frame of `n` bytes that is an unfragmented TCP segment over IPv4 without
 * options: source and destination address, source and destination port. False: it is none.
 */
bool rss_frame_hash(const u8 *frame, u32 n, u32 *hash);

/*
 * The hash of the flow that an Ethernet frame of `n` bytes concerns: of the segment itself as
 * above, or of the one that an ICMP "destination unreachable" quotes (RFC 792), which a network
 * card does not look at. False: it concerns no flow (ARP, pings, and what gateway/net refuses:
 * fragments, options, other protocols). Nothing is checked but what the hash needs.
 */
bool rss_flow_hash(const u8 *frame, u32 n, u32 *hash);

#endif
