/* packet_segment.c - packet scripts: segments that arrive are built, those that leave compared. */
#include <stdio.h>
#include <string.h>

#include "engine/base/assert.h"
#include "tests/lib/packet_script_impl.h"

#define FINE_NS   (50 * NS_PER_US) /* steps of time up to a second, */
#define COARSE_NS (1 * NS_PER_MS)  /* and beyond */

/* ---- segments ---- */

static void put32(u8 *p, u32 x)
{
    for (u32 i = 0; i < 4; i++)
        p[i] = (u8)(x >> (24 - 8 * i));
}

static void add_option(struct script_seg *seg, const u8 *bytes, u32 n)
{
    ASSERT_LE(seg->options_len + n, sizeof seg->options);
    memcpy(seg->options + seg->options_len, bytes, n);
    seg->options_len += n;
}

static void add_timestamps(struct script_seg *seg, u32 val, u32 ecr)
{
    u8 o[12] = {TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_TIMESTAMP, 10};

    put32(o + 4, val);
    put32(o + 8, ecr);
    add_option(seg, o, sizeof o);
}

static void add_sacks(struct pkt_run *r, struct script_seg *seg, const struct pkt_said *said)
{
    u8 o[36] = {TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_SACK, (u8)(2 + 8 * said->sacks)};

    for (u32 i = 0; i < said->sacks; i++) {
        put32(o + 4 + 8 * i, r->our_isn + (u32)said->sack[i][0]);
        put32(o + 8 + 8 * i, r->our_isn + (u32)said->sack[i][1]);
    }
    add_option(seg, o, 4 + 8 * said->sacks);
}

static void add_options(struct pkt_run *r, struct script_seg *seg, const struct pkt_said *said)
{
    if (said->mss_is == PKT_PRESENT)
        add_option(seg, (u8[]){TCP_OPT_MSS, 4, (u8)(said->mss >> 8), (u8)said->mss}, 4);
    if (said->sackok_is == PKT_PRESENT)
        add_option(seg, (u8[]){TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_SACK_OK, 2}, 4);
    if (said->wscale_is == PKT_PRESENT)
        add_option(seg, (u8[]){TCP_OPT_NOP, TCP_OPT_WSCALE, 3, (u8)said->wscale}, 4);
    if (said->ts_is == PKT_PRESENT)
        add_timestamps(seg, (u32)said->ts_val, (u32)said->ts_ecr);
    else if (r->ts_on && !said->no_ts && (said->flags & TCP_RST) == 0)
        add_timestamps(seg, r->ts_base + (u32)((r->s.now_ns - r->ts_base_ns) / NS_PER_MS),
                       (u32)r->line.ts_last);
    if (said->sack_is == PKT_PRESENT)
        add_sacks(r, seg, said);
    add_option(seg, said->raw, said->raw_len);
    while (seg->options_len % 4 != 0)
        add_option(seg, (u8[]){TCP_OPT_END}, 1);
}

static void do_icmp(struct pkt_run *r)
{
    u8 type = (u8)pkt_number(&r->line);
    u8 icmp[36] = {type, (u8)pkt_number(&r->line)};
    u8 b[70] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
    u32 seq = 0, len = 0, mtu = 0;

    while (*pkt_word(&r->line) != 0 && r->line.error[0] == 0) {
        if (pkt_take(&r->line, "seq"))
            seq = r->our_isn + (u32)pkt_number(&r->line);
        else if (pkt_take(&r->line, "len"))
            len = (u32)pkt_number(&r->line);
        else if (pkt_take(&r->line, "mtu"))
            mtu = (u32)pkt_number(&r->line);
        else
            pkt_bad(&r->line, "not of ICMP: '%s'", pkt_word(&r->line));
    }
    put32(icmp + 4, mtu);
    icmp[8] = 0x45;
    put32(icmp + 10, len << 16);
    icmp[17] = IP_PROTO_TCP;
    put32(icmp + 20, SCRIPT_OUR_IP);
    put32(icmp + 24, SCRIPT_PEER_IP);
    put32(icmp + 28, (u32)SCRIPT_PORT << 16 | r->port);
    put32(icmp + 32, seq);
    u16 sum = script_cksum(icmp, sizeof icmp, 0);
    icmp[2] = (u8)(sum >> 8);
    icmp[3] = (u8)sum;
    b[17] = 20 + sizeof icmp;
    b[22] = 64;
    b[23] = IP_PROTO_ICMP;
    put32(b + 26, SCRIPT_PEER_IP);
    put32(b + 30, SCRIPT_OUR_IP);
    sum = script_cksum(b + 14, 20, 0);
    b[24] = (u8)(sum >> 8);
    b[25] = (u8)sum;
    memcpy(b + 34, icmp, sizeof icmp);
    script_frame_in(&r->s, b, sizeof b);
    net_flush(r->s.net, r->s.now_ns);
}

void pkt_in(struct pkt_run *r)
{
    static u8 data[SCRIPT_FRAME_MAX];
    struct pkt_said said;

    if (pkt_take(&r->line, "icmp")) {
        do_icmp(r);
        return;
    }
    pkt_segment(&r->line, &said);
    if (r->line.error[0] != 0)
        return;
    struct script_seg seg = {.src_port = r->port,
                             .flags = said.flags,
                             .seq = r->peer_isn + (u32)said.seq,
                             .ack = said.has_ack ? r->our_isn + (u32)said.ack : 0,
                             .window = said.has_win ? (u16)said.win : 65535,
                             .urgent = (u16)said.urg,
                             .data = data,
                             .len = said.len};
    for (u32 i = 0; i < said.len; i++)
        data[i] = pkt_byte((u32)said.seq + i);
    if ((said.flags & TCP_SYN) != 0) {
        r->ts_on = said.ts_is == PKT_PRESENT;
        r->ts_base = (u32)said.ts_val;
        r->ts_base_ns = r->s.now_ns;
    }
    add_options(r, &seg, &said);
    script_in(&r->s, &seg);
}

/* ---- what left ---- */

static void write_segment(struct pkt_run *r, const struct script_seg *seg, char *out, u32 bytes)
{
    static const char names[] = "FSRP.UEC";
    u32 seq = seg->seq - r->our_isn;
    u32 n = 0;

    for (u32 i = 0; i < 8; i++)
        if ((seg->flags >> i & 1) != 0)
            out[n++] = names[i];
    n += (u32)snprintf(out + n, bytes - n, " %d:%d ack %d win %u", (i32)seq, (i32)(seq + seg->len),
                       (i32)(seg->ack - r->peer_isn), seg->window);
    if (seg->urgent != 0)
        n += (u32)snprintf(out + n, bytes - n, " urg %u", seg->urgent);
    if (seg->has_mss)
        n += (u32)snprintf(out + n, bytes - n, " mss %u", seg->mss);
    if (seg->has_ts)
        n += (u32)snprintf(out + n, bytes - n, " ts %u %u", seg->ts_val, seg->ts_ecr);
    for (u32 i = 0; i < seg->sacks && n < bytes; i++)
        n += (u32)snprintf(out + n, bytes - n, " sack %d:%d", (i32)(seg->sack[i][0] - r->peer_isn),
                           (i32)(seg->sack[i][1] - r->peer_isn));
}

static bool option_fits(u8 said, bool is)
{
    return said == PKT_UNSAID || is == (said == PKT_PRESENT);
}

static bool value_fits(u8 said, u64 wanted, u64 is)
{
    return said != PKT_PRESENT || wanted == PKT_ANY || wanted == is;
}

static bool sacks_fit(const struct pkt_run *r, const struct script_seg *seg,
                      const struct pkt_said *said)
{
    if (said->sack_is != PKT_PRESENT)
        return true;
    for (u32 i = 0; i < said->sacks && i < seg->sacks; i++)
        if (seg->sack[i][0] != r->peer_isn + (u32)said->sack[i][0] ||
            seg->sack[i][1] != r->peer_isn + (u32)said->sack[i][1])
            return false;
    return said->sacks == seg->sacks;
}

static bool segment_fits(const struct pkt_run *r, const struct script_seg *seg,
                         const struct pkt_said *said)
{
    return seg->flags == said->flags && seg->seq == r->our_isn + (u32)said->seq &&
           seg->len == said->len && (!said->has_ack || seg->ack == r->peer_isn + (u32)said->ack) &&
           (!said->has_win || seg->window == said->win) &&
           (!said->has_urg || seg->urgent == said->urg) &&
           option_fits(said->mss_is, seg->has_mss) &&
           option_fits(said->wscale_is, seg->has_wscale) &&
           option_fits(said->sackok_is, seg->has_sack_ok) &&
           option_fits(said->ts_is, seg->has_ts) && option_fits(said->sack_is, seg->sacks > 0) &&
           value_fits(said->mss_is, said->mss, seg->mss) &&
           value_fits(said->wscale_is, said->wscale, seg->wscale) &&
           value_fits(said->ts_is, said->ts_val, seg->ts_val) &&
           value_fits(said->ts_is, said->ts_ecr, seg->ts_ecr) && sacks_fit(r, seg, said);
}

void pkt_pass_time(struct pkt_run *r, u64 ns)
{
    script_run_steps(&r->s, ns, ns <= NS_PER_SEC ? FINE_NS : COARSE_NS);
}

/* The next segment that leaves; time passes until `delay_ns` and a little from now. */
static bool next_out(struct pkt_run *r, u64 delay_ns, struct script_seg *seg)
{
    u64 step = delay_ns <= NS_PER_SEC ? FINE_NS : COARSE_NS;
    u64 due = r->s.now_ns + delay_ns;

    while (!script_out(&r->s, seg)) {
        if (delay_ns == 0 || r->s.now_ns > due + 2 * step)
            return false;
        script_run_steps(&r->s, step, step);
    }
    if (delay_ns > 0 && (seg->at_ns + 2 * step < due || seg->at_ns > due + 2 * step))
        pkt_bad(&r->line, "it left after %.3f ms instead of %.3f",
                (double)(seg->at_ns - (due - delay_ns)) / 1e6, (double)delay_ns / 1e6);
    return true;
}

static void check_payload(struct pkt_run *r, const struct script_seg *seg)
{
    const u8 *data = seg->data;

    for (u32 i = 0; i < seg->len; i++)
        if (data[i] != pkt_byte(seg->seq - r->our_isn + i))
            pkt_bad(&r->line, "byte %u of the payload is wrong", i);
}

void pkt_out(struct pkt_run *r, u64 delay_ns)
{
    bool any = pkt_take(&r->line, "*");
    struct pkt_said said = {0};
    struct script_seg seg;
    char text[160];

    if (!any)
        pkt_segment(&r->line, &said);
    if (r->line.error[0] != 0)
        return;
    if (!next_out(r, delay_ns, &seg)) {
        pkt_bad(&r->line, "nothing left");
        return;
    }
    if ((seg.flags & TCP_SYN) != 0)
        r->our_isn = seg.seq;
    if (seg.has_ts)
        r->line.ts_last = seg.ts_val;
    write_segment(r, &seg, text, sizeof text);
    if (!any && !segment_fits(r, &seg, &said))
        pkt_bad(&r->line, "what left is: %s", text);
    check_payload(r, &seg);
}

void pkt_quiet(struct pkt_run *r, u64 delay_ns)
{
    struct script_seg seg;
    char text[160];

    pkt_pass_time(r, delay_ns);
    if (!script_out(&r->s, &seg))
        return;
    write_segment(r, &seg, text, sizeof text);
    pkt_bad(&r->line, "something left: %s", text);
}
