/*
 * packet_script.h - packet scripts: a text that injects segments and says which ones must leave.
 *
 * A script is a conversation with one endpoint of gateway/net in virtual time, one statement a
 * line; `#` begins a comment. Sequence numbers count from the sender's SYN, which is 0, so the
 * first byte of data is 1. `+TIME` (us, ms, s) before a statement says how long after the one
 * before it comes.
 *
 *   conf NAME VALUE              before anything else: a field of net_conf, or `half_close 1`
 *   isn N                        the peer's initial sequence number from now on (usually 1000000)
 *   from PORT                    the port that the peer speaks from
 *   in FLAGS SEQ[:END] [ack N] [win N] [urg N] [<OPTIONS>]   a segment arrives; FLAGS: SFRPUEC.
 *   in icmp TYPE CODE seq N len N [mtu N]    an ICMP error that quotes a segment of ours
 *   out FLAGS SEQ[:END] ...      the next segment that leaves is this one, at this time; without a
 *                                time it has left by now. What is not said is not looked at
 *   out *                        some segment leaves
 *   quiet                        nothing leaves until now; with a time: from now on, for so long
 *   flood N                      N SYNs from as many ports; what leaves for them is forgotten
 *   app send N | close | reset | shut | urgent | connect | take N | take all | dscp N
 *   expect opened | data | finished | conns | chunks | urgent | told | soft N        so far, or now
 *   expect closed no | eof | error
 *   expect state NAME | gone
 *   expect count COUNTER N       a counter of net_state.h by its name there
 *
 * OPTIONS: mss N, sackok, wscale N, ts VAL ECR, sack A:B C:D, nop, raw HEX; when one leaves also
 * `!mss` and so on: it must not be there, and `*` for a value that may be any. The value `last` is
 * the newest timestamp that came from us, `last-5` five milliseconds older. Once a peer's SYN had
 * timestamps, each segment in has them, a millisecond a step, unless it has `nots`.
 *
 * Payload is a pattern that depends on the sequence number, and is checked on both sides.
 */
#ifndef WIREBOOK_TESTS_PACKET_SCRIPT_H
#define WIREBOOK_TESTS_PACKET_SCRIPT_H

#include "engine/base/types.h"

/* Runs the script at `path`. False: `error` says at which line what was wrong. */
bool packet_script_run(const char *path, char *error, u32 error_bytes);

#endif
