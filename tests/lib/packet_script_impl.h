/* packet_script_impl.h - what the files of the packet scripts share. Local to them. */
#ifndef WIREBOOK_TESTS_PACKET_SCRIPT_IMPL_H
#define WIREBOOK_TESTS_PACKET_SCRIPT_IMPL_H

#include "tests/lib/net_script.h"

#define PKT_ANY UINT64_MAX /* `*` */

enum pkt_presence {
    PKT_UNSAID,
    PKT_PRESENT,
    PKT_ABSENT,
};

/* A segment as a line says it; numbers as written, relative to the sender's SYN. */
struct pkt_said {
    u8 flags;
    i64 seq;
    u32 len;
    bool has_ack, has_win, has_urg, has_options, no_ts;
    i64 ack;
    u32 win;
    u32 urg;
    u8 mss_is, wscale_is, sackok_is, ts_is, sack_is; /* enum pkt_presence */
    u64 mss, wscale, ts_val, ts_ecr;
    u32 sacks;
    i64 sack[4][2];
    u8 raw[40]; /* further options, bytes as they are */
    u32 raw_len;
};

/* One line, as it is read. */
struct pkt_line {
    char *at;
    u64 ts_last; /* what `last` stands for */
    char error[160];
};

/* A script that runs. */
struct pkt_run {
    struct script s;
    struct net_conf conf;
    struct pkt_line line;
    bool started, half_close;
    u32 peer_isn, our_isn;
    u16 port;
    bool ts_on; /* the peer has timestamps: this one at that time */
    u32 ts_base;
    u64 ts_base_ns;
    u64 sender; /* the connection whose stream has `sent` bytes so far */
    u32 sent;
};

/* The statements about segments: one arrives, one leaves, none leaves; and time that passes. */
void pkt_in(struct pkt_run *r);
void pkt_out(struct pkt_run *r, u64 delay_ns);
void pkt_quiet(struct pkt_run *r, u64 delay_ns);
void pkt_pass_time(struct pkt_run *r, u64 ns);

/* The next word, or "" at the end; sees the same again until pkt_skip. */
const char *pkt_word(struct pkt_line *l);

/* Takes the next word if it is `word`. */
bool pkt_take(struct pkt_line *l, const char *word);

/* Takes a number (decimal or 0x..., may be negative), a duration, or `*`. */
i64 pkt_number(struct pkt_line *l);
u64 pkt_duration(struct pkt_line *l);

/* Takes a word to `out` (cut to its size). */
void pkt_string(struct pkt_line *l, char *out, u32 bytes);

/* Reads FLAGS SEQ[:END] and what follows. */
void pkt_segment(struct pkt_line *l, struct pkt_said *said);

/* Something is wrong with the line; the first complaint stays. */
void pkt_bad(struct pkt_line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The byte of either stream at a distance from its SYN. */
static inline u8 pkt_byte(u32 rel)
{
    return (u8)(rel * 31 + (rel >> 8));
}

#endif
