/*
 * naive_peer.h - the simplest TCP that can be right, for the other end of net_pair: go-back-N by
 * one fixed timer, nothing kept out of order, an ACK at once, or late, or for every few segments,
 * windows that open, close and shrink. In some runs it says that it understands SACK and never uses
 * it. It shares no code with gateway/net. Local to tests/sim/net_pair*.c.
 */
#ifndef WIREBOOK_TESTS_NAIVE_PEER_H
#define WIREBOOK_TESTS_NAIVE_PEER_H

#include "engine/base/types.h"

struct pair;

/* Makes it in place of the second end. Its habits follow from the seed. */
void naive_init(struct pair *p);

/* A frame arrived. Asserts that the stream is exact. */
void naive_input(struct pair *p, const u8 *frame, u32 len);

/* Timers, and what there is to send. */
void naive_turn(struct pair *p);

/* All its connections were opened, got and sent everything, and ended by a FIN from either side. */
bool naive_done(const struct pair *p);

#endif
