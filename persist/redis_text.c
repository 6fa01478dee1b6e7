/*
 * redis_text.c - see redis_text.h. The two scripts are where exactly-once is settled on the server:
 * a script runs alone, so what it checks still holds when it writes.
 *
 * Numbers beyond 2^53 must not pass through Lua's doubles: sequence numbers stay texts in there.
 */
#include "persist/redis_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The stream's last-generated-id to `top`, which stays when entries go; "0-0": no stream. */
#define LUA_TOP                                                          \
    "local top = '0-0'\n"                                                \
    "if redis.call('EXISTS', KEYS[2]) == 1 then\n"                       \
    "  local info = redis.call('XINFO', 'STREAM', KEYS[2])\n"            \
    "  for i = 1, #info, 2 do\n"                                         \
    "    if info[i] == 'last-generated-id' then top = info[i + 1] end\n" \
    "  end\n"                                                            \
    "end\n"

const char redis_script_claim[] =
    "local m = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'day', 'last', 'process', 'journal',\n"
    "  'time_ns')\n" LUA_TOP
    "local payload, newest = '', redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)\n"
    "if newest[1] then payload = newest[1][2][2] end\n"
    "if not m[6] and (m[1] or top ~= '0-0') then return {'foreign', 'unknown'} end\n"
    "if m[6] and m[6] ~= ARGV[3] then return {'foreign', m[6]} end\n"
    "if m[1] and (tonumber(m[1]) > tonumber(ARGV[1])\n"
    "    or m[1] == ARGV[1] and m[5] ~= ARGV[2]) then return {'fenced', m[1]} end\n"
    "redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'process', ARGV[2], 'journal', ARGV[3])\n"
    "local claim = redis.call('HINCRBY', KEYS[1], 'claim', 1)\n"
    "if (m[4] or '0-0') ~= top then\n"
    "  redis.call('HDEL', KEYS[1], 'seq')\n"
    "  redis.call('HSET', KEYS[1], 'last', top)\n"
    "  m[2] = ''\n"
    "end\n"
    "return {'ours', tostring(claim), m[2] or '', m[3] or '0', top, payload, m[7] or '0'}\n";

const char redis_script_batch[] =
    "local m = redis.call('HMGET', KEYS[1], 'epoch', 'claim', 'last')\n"
    "if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] then\n"
    "  return redis.error_reply('FENCED the shard was claimed by another connection')\n"
    "end\n"
    "local last = m[3] or '0-0'\n" LUA_TOP "if top ~= last and top == '0-0' then\n"
    "  return redis.error_reply('EMPTIED the stream has been removed')\n"
    "end\n"
    "if top ~= last then\n"
    "  return redis.error_reply('CHANGED the stream ends at ' .. top .. ', not at ' .. last)\n"
    "end\n"
    "local at, there = 10, 0\n"
    "for i = 1, tonumber(ARGV[6]) do\n"
    "  local r = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], ARGV[at], 'f', ARGV[at + "
    "1])\n"
    "  if type(r) == 'table' and r.err then\n"
    "    if not string.find(r.err, 'equal or smaller', 1, true) then return r end\n"
    "    there = there + 1\n"
    "  else\n"
    "    last = ARGV[at]\n"
    "  end\n"
    "  at = at + 2\n"
    "end\n"
    "for i = 1, tonumber(ARGV[7]) do\n"
    "  if there == 0 then redis.call('PUBLISH', ARGV[at], ARGV[at + 1]) end\n"
    "  at = at + 2\n"
    "end\n"
    "for i = 1, tonumber(ARGV[8]) do\n"
    "  redis.call('HSET', KEYS[2 + i], 'price', ARGV[at], 'qty', ARGV[at + 1], 'match', ARGV[at + "
    "2],\n"
    "    'seq', ARGV[at + 3], 'day', ARGV[at + 4], 'time_ns', ARGV[at + 5])\n"
    "  at = at + 6\n"
    "end\n"
    "redis.call('HSET', KEYS[1], 'seq', ARGV[3], 'day', ARGV[4], 'last', last, 'time_ns', "
    "ARGV[9])\n"
    "return there\n";

const char redis_script_tops[] =
    "local m = redis.call('HMGET', KEYS[1], 'epoch', 'claim')\n"
    "if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] then\n"
    "  return redis.error_reply('FENCED the shard was claimed by another connection')\n"
    "end\n"
    "for i = 2, #KEYS do\n"
    "  local at = 3 + (i - 2) * 15\n"
    "  redis.call('HSET', KEYS[i], 'bid', ARGV[at + 2], 'bid_qty', ARGV[at + 3], 'ask', ARGV[at + "
    "4],\n"
    "    'ask_qty', ARGV[at + 5], 'phase', ARGV[at + 6], 'seq', ARGV[at + 7], 'time_ns', ARGV[at + "
    "8],\n"
    "    'cross', ARGV[at + 9], 'cross_price', ARGV[at + 10], 'paired', ARGV[at + 11],\n"
    "    'imbalance', ARGV[at + 12], 'imbalance_side', ARGV[at + 13], 'indicated_ns', ARGV[at + "
    "14])\n"
    "  redis.call('PUBLISH', ARGV[at], ARGV[at + 1])\n"
    "end\n"
    "return #KEYS - 1\n";

void resp_head(struct resp *r, u32 args)
{
    ASSERT_EQ(r->used, 0);
    ASSERT_GE(r->room, 16);
    r->used = (u32)snprintf((char *)r->bytes, r->room, "*%u\r\n", args);
}

void resp_arg(struct resp *r, const void *bytes, u32 n)
{
    char head[16];
    u32 head_bytes = (u32)snprintf(head, sizeof head, "$%u\r\n", n);

    ASSERT_LE(head_bytes + n + 2, r->room - r->used);
    memcpy(r->bytes + r->used, head, head_bytes);
    memcpy(r->bytes + r->used + head_bytes, bytes, n);
    memcpy(r->bytes + r->used + head_bytes + n, "\r\n", 2);
    r->used += head_bytes + n + 2;
    r->args++;
}

void resp_text(struct resp *r, const char *text)
{
    resp_arg(r, text, (u32)strlen(text));
}

void resp_u64(struct resp *r, u64 x)
{
    char text[24];

    resp_arg(r, text, (u32)snprintf(text, sizeof text, "%" PRIu64, x));
}

void resp_id(struct resp *r, u64 x)
{
    char text[24];

    resp_arg(r, text, (u32)snprintf(text, sizeof text, "%016" PRIx64, x));
}

void resp_append(struct resp *r, const struct resp *from)
{
    ASSERT_LE(from->used, r->room - r->used);
    memcpy(r->bytes + r->used, from->bytes, from->used);
    r->used += from->used;
    r->args += from->args;
}

enum sink_status redis_text_status(const char *error, const char **what)
{
    static const struct {
        const char *prefix;
        enum sink_status status;
        const char *what;
    } known[] = {
        {"FENCED", SINK_LOST, "the shard was claimed by another connection or process"},
        {"EMPTIED", SINK_LOST, "the stream has been removed"},
        {"CHANGED", SINK_LOST, "somebody else has written into the stream"},
        {"NOSCRIPT", SINK_LOST, "the server has forgotten the scripts"},
        {"LOADING", SINK_LOST, "the server is coming up"},
        {"READONLY", SINK_LOST, "the server is not the primary any more"},
        {"MASTERDOWN", SINK_LOST, "the server is a replica without its primary"},
        {"NOREPLICAS", SINK_LOST, "the server has too few replicas to write (min-replicas)"},
        {"CLUSTERDOWN", SINK_LOST, "the cluster is down"},
        {"TRYAGAIN", SINK_LOST, "the cluster moves our slot"},
        {"BUSY", SINK_LOST, "the server runs somebody's script"},
        {"NOAUTH", SINK_REFUSED, "a password is needed, see export.redis in the config"},
        {"WRONGPASS", SINK_REFUSED, "user or password is wrong"},
        {"NOPERM", SINK_REFUSED, "the user lacks a right, see config/sql/README.md"},
        {"OOM", SINK_REFUSED, "the server is out of memory, shorten the stream or raise maxmemory"},
        {"MISCONF", SINK_REFUSED, "the server cannot save to its disk"},
        {"MOVED", SINK_LOST, "the cluster sends us to another node"},
        {"ASK", SINK_LOST, "the cluster sends us to another node"},
        {"CROSSSLOT", SINK_REFUSED,
         "this is a cluster: give export.redis.prefix a hash tag, such as wirebook{1}"},
    };

    for (u32 i = 0; i < ARRAY_LEN(known); i++) {
        if (strncmp(error, known[i].prefix, strlen(known[i].prefix)) != 0)
            continue;
        *what = known[i].what;
        return known[i].status;
    }
    *what = "the server refuses";
    return SINK_REFUSED;
}

/* ---- where to connect ---- */

/* Takes "name", "name:port" or "[address]:port" of `n` characters apart. */
static bool parse_host(const char *text, u32 n, u16 port, struct redis_host *out)
{
    char copy[REDIS_HOST_BYTES + 8], *name = copy, *colon;

    if (n == 0 || n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    if (copy[0] == '[') { /* IPv6 */
        char *end = strchr(copy, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return false;
        name = copy + 1;
        colon = end[1] == ':' ? end + 1 : NULL;
        *end = '\0';
    } else {
        colon = strchr(copy, ':');
    }
    if (colon) {
        char *end;
        unsigned long number = strtoul(colon + 1, &end, 10);
        if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || number < 1 || number > 65535)
            return false;
        port = (u16)number;
        *colon = '\0';
    }
    if (name[0] == '\0' || strlen(name) >= sizeof out->name)
        return false;
    memcpy(out->name, name, strlen(name) + 1);
    out->port = port;
    return true;
}

bool redis_text_host(const char *list, u32 attempt, u16 port, struct redis_host *out)
{
    u32 parts = 1;

    for (const char *c = list; *c; c++)
        parts += *c == ',';
    for (u32 i = attempt % parts; i > 0; i--)
        list = strchr(list, ',') + 1;
    return parse_host(list, (u32)strcspn(list, ","), port, out);
}

bool redis_text_redirect(const char *error, const struct redis_host *from, struct redis_host *out,
                         bool *asking)
{
    bool ask = strncmp(error, "ASK ", 4) == 0;
    const char *where = strrchr(error, ' '), *colon = strrchr(error, ':');
    char *end;

    if ((!ask && strncmp(error, "MOVED ", 6) != 0) || !where || !colon || colon < where)
        return false;
    unsigned long port = strtoul(colon + 1, &end, 10);
    u32 n = (u32)(colon - where - 1);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port < 1 || port > 65535 ||
        n >= sizeof out->name)
        return false;
    *out = *from;
    if (n > 0 && where[1] != '?')
        snprintf(out->name, sizeof out->name, "%.*s", (int)n, where + 1);
    out->port = (u16)port;
    *asking = ask;
    return true;
}
