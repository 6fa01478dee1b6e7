/*
 * conf_schema.c - every key of the configuration: type, unit, range, default and what it is for.
 *
 * The one table that reading, checking, printing and config/reference.yaml come from. Rows stand
 * grouped by section, in the order in which they are printed; a list's keys follow the list.
 */
#include "gateway/conf_schema.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"

#define AT(member)    offsetof(struct conf, member)
#define BYTES(member) sizeof(((struct conf *)0)->member)

/* clang-format off */
#define ROW(...)             {__VA_ARGS__, CONF_RESTART}
#define LIVE(part, row, ...) {row##_ROW(__VA_ARGS__), part} /* a row that may change while we run */

#define SECTION(path, help) ROW(path, CONF_SECTION, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, help)
#define INT_ROW(path, member, min, max, unit, def, help) \
    path, CONF_INT, AT(member), 8, 0, min, max, NULL, NULL, unit, def, help
#define INT(...) ROW(INT_ROW(__VA_ARGS__))
#define BOOL_ROW(path, member, def, help) \
    path, CONF_BOOL, AT(member), 1, 0, 0, 0, NULL, NULL, NULL, def, help
#define BOOL(...) ROW(BOOL_ROW(__VA_ARGS__))
#define WORD_ROW(path, member, words, later, def, help) \
    path, CONF_WORD, AT(member), 4, 0, 0, 0, words, later, NULL, def, help
#define WORD(...) ROW(WORD_ROW(__VA_ARGS__))
#define TEXT_ROW(path, member, min, max, def, help) \
    path, CONF_TEXT, AT(member), BYTES(member), 0, min, max, NULL, NULL, NULL, def, help
#define TEXT(...) ROW(TEXT_ROW(__VA_ARGS__))
#define SPECIAL_ROW(type, path, member, min, max, def, help) \
    path, type, AT(member), BYTES(member), 0, min, max, NULL, NULL, NULL, def, help
#define SPECIAL(...) ROW(SPECIAL_ROW(__VA_ARGS__))
#define LIST_ROW(path, array, used, max, def, help) \
    path, CONF_LIST, AT(array), BYTES(array[0]), AT(used), 1, max, NULL, NULL, NULL, def, help
#define LIST(...) ROW(LIST_ROW(__VA_ARGS__))
/* Of a list's item. */
#define ITEM_ROW(type, path, str, member, min, max, words, def, help)                        \
    path, type, offsetof(struct str, member), sizeof(((struct str *)0)->member), 0, min, max, \
     words, NULL, NULL, def, help
#define ITEM(...) ROW(ITEM_ROW(__VA_ARGS__))
/* clang-format on */

#define PATH_MAX_CHARS 255
#define MS             "ms"

/* The words of threads[].agents and the names of their bits. */
/* clang-format off */
#define AGENTS(X)                                                                     \
    X("gateway") X("gateway1") X("gateway2") X("gateway3") X("gateway4") X("gateway5") \
    X("gateway6") X("gateway7") X("gateway8") X("gateway9") X("gateway10")             \
    X("gateway11") X("gateway12") X("gateway13") X("gateway14") X("gateway15")         \
    X("engine") X("persist")
#define AS_WORD(name) " " name
#define AS_NAME(name) name,
#define AGENT_WORDS   ((AGENTS(AS_WORD)) + 1)

const char *const conf_agent_names[CONF_AGENTS] = {AGENTS(AS_NAME)};

const struct conf_key conf_schema[] = {
INT("shard", shard, 1, 99, NULL, "1",
    "Number of this shard. The last two digits of every SoupBinTCP session id; a journal of "
    "another shard is refused."),
TEXT("data_dir", data_dir, 1, PATH_MAX_CHARS, "var/wirebook",
     "Directory of the journal, made if it is missing; relative to the working directory. One "
     "process at a time."),
WORD("durability", durability, "disk none", "quorum", "disk",
     "What must hold before a client sees anything. disk: on stable storage, costs one device "
     "write per group of orders. none: nothing, a crash loses acknowledged orders; for benchmarks "
     "only."),

SECTION("venue", "The trading day."),
SPECIAL(CONF_ZONE, "venue.timezone", timezone, 1, 63, "America/New_York",
        "Time zone of dates and midnights."),
LIVE(CONF_LIVE_SCHEDULE, SPECIAL, CONF_MINUTE, "venue.day_end", day_end_minute, 0, 0, "none",
        "Local time at which the day's orders expire and the streams close. none: at midnight."),
LIVE(CONF_LIVE_SCHEDULE, SPECIAL, CONF_MINUTE, "venue.pre_open",
     schedule.pre_open_minute, 0, 0, "none",
        "Local time from which orders are taken and rest until the opening cross; before it the "
        "venue is closed. none: no schedule, each day trades from midnight to its end."),
LIVE(CONF_LIVE_SCHEDULE, SPECIAL, CONF_MINUTE, "venue.opening",
     schedule.opening_minute, 0, 0, "none",
        "Local time of the opening cross; continuous trading follows."),
LIVE(CONF_LIVE_SCHEDULE, SPECIAL, CONF_MINUTE, "venue.closing",
     schedule.closing_minute, 0, 0, "none",
        "Local time of the closing cross; day orders end, extended hours follow."),
LIVE(CONF_LIVE_SCHEDULE, SPECIAL, CONF_MINUTE, "venue.closed", schedule.closed_minute, 0, 0, "none",
        "Local time at which extended hours end and all orders with them; venue.closing where "
        "there are none."),
LIVE(CONF_LIVE_SCHEDULE, SPECIAL, CONF_MINUTE, "venue.half_closing",
     schedule.half_closing_minute, 0, 0, "none",
        "Local time of the closing cross on half days; extended hours are as long as on others."),
LIVE(CONF_LIVE_SCHEDULE, INT, "venue.late_s", schedule.late_s, 0, 3600, "seconds", "120",
    "Before each cross, when its orders can no longer be cancelled."),
LIVE(CONF_LIVE_SCHEDULE, INT, "venue.wide_opening_s",
     schedule.wide_opening_s, 0, 7200, "seconds", "900",
    "After the opening, while price bands are doubled."),
LIVE(CONF_LIVE_SCHEDULE, INT, "venue.wide_closing_s",
     schedule.wide_closing_s, 0, 7200, "seconds", "1500",
    "Before the closing, while price bands are doubled."),
LIVE(CONF_LIVE_SCHEDULE, BOOL, "venue.weekends", schedule.weekends, "no",
     "Whether Saturdays and Sundays are trading days, where there is a schedule."),
LIVE(CONF_LIVE_SCHEDULE, TEXT, "venue.calendar_file", schedule.calendar_file, 0, PATH_MAX_CHARS, "",
     "Holidays and half days (CSV: date,kind,name), relative to the working directory. Empty: "
     "none. config/holidays.csv has the American ones."),

SECTION("reference", "Files of reference data (CSV), read at the start."),
LIVE(CONF_LIVE_REFERENCE, TEXT, "reference.instruments_file",
     instruments_file, 1, PATH_MAX_CHARS, "config/instruments.csv",
     "Instruments; relative to the working directory."),
LIVE(CONF_LIVE_REFERENCE, TEXT, "reference.accounts_file",
     accounts_file, 1, PATH_MAX_CHARS, "config/accounts.csv",
     "Accounts with password hashes and limits; relative to the working directory."),
LIVE(CONF_LIVE_REFERENCE, TEXT, "reference.firms_file", firms_file, 0, PATH_MAX_CHARS, "",
     "Limits of firms (CSV: firm,max_exposure,max_daily_notional,max_position,"
     "last_price_collar_percent), over all orders that name them or are theirs by default. Empty: "
     "none. config/firms.csv is an example."),
LIVE(CONF_LIVE_REFERENCE, TEXT, "reference.profiles_file", profiles_file, 0, PATH_MAX_CHARS, "",
     "Named risk profiles (CSV: profile,based_on and the columns of checks and limits of the "
     "accounts file), which accounts and listening ports name. Empty: none. config/profiles.csv is "
     "an example."),

SECTION("gateway", "Client connections and their sessions."),
INT("gateway.count", gateway.count, 1, GATEWAYS_MAX, "agents", "1",
    "Gateway agents: gateway, gateway1, gateway2, ... Clients reach any of them by the same "
    "addresses and may log in through any. Each wants a thread (see threads), with dpdk a queue "
    "pair of every port, and costs buffers for gateway.connections_max."),
WORD("gateway.transport", gateway.transport, "sockets dpdk auto", NULL, "sockets",
     "What carries the clients' bytes. sockets: the kernel's TCP. dpdk: our own TCP on the ports "
     "of section dpdk, past the kernel; wants root. auto: dpdk if it can be had, else sockets."),
LIST("gateway.listen", gateway.listen, gateway.listen_used, CONF_LISTEN_MAX,
     "[{address: 127.0.0.1, port: 9000}]",
     "Where clients connect, each an IPv4 address and a port."),
ITEM(CONF_ADDRESS, "gateway.listen[].address", conf_listen, ipv4, 0, 0, NULL, "127.0.0.1",
     "IPv4 address of this machine; 0.0.0.0 is all of them. With dpdk only the port counts."),
ITEM(CONF_INT, "gateway.listen[].port", conf_listen, port, 1, 65535, NULL, NULL,
     "TCP port."),
ITEM(CONF_WORD, "gateway.listen[].dialect", conf_listen, dialect, 0, 0, "ouch50 ouch42", "ouch50",
     "What is spoken there. An account's day is in one dialect: that of its first login; later "
     "logins by a port of the other one are rejected with S until the next day."),
ITEM(CONF_WORD, "gateway.listen[].role", conf_listen, role, 0, 0, "orders health", "orders",
     "orders: clients log in and trade. health: for a balancer to look at; open exactly while the "
     "venue takes orders, first to go when it drains; connections are taken and closed."),
ITEM(CONF_WORD, "gateway.listen[].proxy", conf_listen, proxy, 0, 0, "off v2", "off",
     "v2: each connection begins with a header of proxy protocol version 2, as a balancer of "
     "gateway.balancers sends it; the client's address is the one in it, connections from anywhere "
     "else are refused, and those of the balancer itself (LOCAL) become no session."),
ITEM(CONF_TEXT, "gateway.listen[].profile", conf_listen, profile, 0, 8, NULL, "",
     "Risk profile (reference.profiles_file) of accounts that come by it and name none. Empty: "
     "none."),
ITEM(CONF_BOOL, "gateway.listen[].cancel_on_disconnect", conf_listen, cancel_on_disconnect, 0, 0,
     NULL, "no",
     "Whether a lost connection cancels the orders of accounts that do not say it themselves."),
ITEM(CONF_INT, "gateway.listen[].cancel_grace_ms", conf_listen, cancel_grace_ms, 0, 86400000, NULL,
     "0", "... and the milliseconds in which it may come back before they go."),
ITEM(CONF_WORD, "gateway.listen[].stp", conf_listen, stp, 0, 0,
     "off cancel_newest cancel_oldest decrement_both cancel_both", "off",
     "What happens when two orders of one party meet, for accounts that do not say it themselves."),
ITEM(CONF_WORD, "gateway.listen[].stp_level", conf_listen, stp_level, 0, 0, "account firm",
     "account", "... and who one party is."),
LIVE(CONF_LIVE_GATEWAYS, LIST, "gateway.balancers",
     gateway.balancers, gateway.balancers_used, CONF_BALANCERS_MAX,
     "[{network: 127.0.0.1/32}]",
     "Whose proxy headers are believed."),
ITEM(CONF_NETWORK, "gateway.balancers[].network", conf_balancer, network, 0, 0, NULL, NULL,
     "The balancers' addresses, such as their subnet."),
LIVE(CONF_LIVE_DRAIN, INT, "gateway.drain_notice_ms", gateway.drain_notice_ms, 0, 600000, MS, "0",
    "How long trading goes on after SIGTERM with the health ports shut, so that balancers notice "
    "and send nobody new: their interval times their threshold, and some."),
LIVE(CONF_LIVE_DRAIN, INT, "gateway.drain_timeout_ms",
     gateway.drain_timeout_ms, 100, 600000, MS, "10000",
    "Time after that to finish what clients have asked, end their connections and export. Then it "
    "ends; what was acknowledged is durable in any case. An export that has no connection gets a "
    "second of it: the next start goes on where its far end is."),
BOOL("gateway.drain_end_of_session", gateway.drain_end_of_session, "no",
    "Whether clients then hear End of Session (Z) behind their last message. That says that they "
    "need not come back: right for a venue that closes, wrong where another process goes on with "
    "their sessions."),
INT("gateway.connections_max", gateway.connections_max, 1, CONNS_MAX, "connections", "1024",
    "Open connections of each gateway agent; more are reset. Costs buffers in memory and a file "
    "descriptor each."),
LIVE(CONF_LIVE_GATEWAYS, INT, "gateway.login_timeout_ms",
     gateway.login_timeout_ms, 100, 600000, MS, "30000",
    "A connection that has not asked to log in by then is closed."),
LIVE(CONF_LIVE_GATEWAYS, INT, "gateway.heartbeat_ms", gateway.heartbeat_ms, 100, 60000, MS, "1000",
    "A heartbeat goes out when nothing else did for so long. SoupBinTCP says one second."),
LIVE(CONF_LIVE_GATEWAYS, INT, "gateway.silence_timeout_ms",
     gateway.silence_timeout_ms, 200, 600000, MS, "15000",
    "A client of which nothing was heard for so long is taken for dead. SoupBinTCP says 15 "
    "seconds; a client of version 4.1 may ask for another time at its login."),
LIVE(CONF_LIVE_GATEWAYS, INT, "gateway.slow_timeout_ms",
     gateway.slow_timeout_ms, 100, 600000, MS, "30000",
    "A client that acknowledges nothing for so long, although something waits, is cut."),
LIVE(CONF_LIVE_GATEWAYS, INT, "gateway.unauthenticated_per_source",
     gateway.unauthenticated_per_source, 0, CONNS_MAX,
    "connections", "64",
    "Connections of one address to one gateway agent that are not logged in; more are refused. 0: "
    "no limit."),
LIVE(CONF_LIVE_GATEWAYS, INT, "gateway.rate_reject_per_s",
     gateway.rate_reject_per_s, 0, 10000000, "orders per second",
    "100000",
    "Enters and replaces of one account, bursts of a second's worth included, beyond which they "
    "are rejected with 0x0029; cancels are always taken. 0: no limit."),
LIVE(CONF_LIVE_GATEWAYS, INT, "gateway.rate_stop_per_s",
     gateway.rate_stop_per_s, 0, 10000000, "messages per second",
    "200000",
    "Messages of one account beyond which it is not read from until the rate allows; one that "
    "stays above it for ten seconds is cut. 0: no limit."),
INT("gateway.store_slots", gateway.store_slots, 256, 1048576, "slots of 64 bytes", "2048",
    "Recent messages kept in memory for each account, for replay; a multiple of 32. Older ones "
    "come from the journal, more slowly. Costs 64 bytes a slot times engine.accounts_max."),
INT("gateway.watched_per_account", gateway.rates_each, RATES_EACH_MIN, RATES_EACH_MAX,
    "orders and symbols", "1024",
    "Orders that differ, within the repeat_ms of an account that is checked for repeats, and "
    "symbols within two seconds, where it has a rate by symbol; orders beyond are rejected with "
    "0x0029. Costs 34 bytes each times engine.accounts_max."),
INT("gateway.ouch42_tokens", gateway.ouch42_tokens, 1000, 16777216, "tokens", "262144",
    "Names of OUCH 4.2 orders that can be known in one day; orders beyond are rejected. Costs 56 "
    "bytes each, where a port speaks ouch42."),
INT("gateway.ouch42_tokens_per_account", gateway.ouch42_tokens_per_account, 100, 16777216, "tokens",
    "65536", "... and how many of them one account can have."),
LIVE(CONF_LIVE_GATEWAYS, WORD, "gateway.takeover", gateway.takeover, "yes reject", NULL, "yes",
     "What a second valid login to a bound session does. yes: it takes the session over, so that a "
     "half-open connection does not lock its own client out. reject: Login Rejected S."),
LIVE(CONF_LIVE_GATEWAYS, WORD, "gateway.requested_seq_ahead",
     gateway.requested_seq_ahead, "reject next", NULL, "reject",
     "What a login does that asks for a message which is still to come. reject: Login Rejected S. "
     "next: it begins with the next message."),

SECTION("dpdk", "NIC ports that Wirebook drives itself. Only for gateway.transport dpdk and auto."),
LIST("dpdk.ports", dpdk.ports, dpdk.ports_used, CONF_PORTS_MAX,
     "[{device: 'net_tap0,iface=wirebook0', ipv4: 10.9.0.1}]",
     "The ports, each with an address of its own."),
ITEM(CONF_TEXT, "dpdk.ports[].device", conf_port, device, 1, 255, NULL, NULL,
     "PCI address (0000:00:06.0) or virtual device of DPDK, with its arguments: net_tap0,iface=T "
     "makes a kernel interface T to us; net_af_packet0,iface=V or net_af_xdp0,iface=V take one "
     "that exists."),
ITEM(CONF_ADDRESS, "dpdk.ports[].ipv4", conf_port, ipv4, 0, 0, NULL, NULL,
     "Our address on it. The kernel must not have the same one."),
ITEM(CONF_INT, "dpdk.ports[].prefix_bits", conf_port, prefix_bits, 1, 32, NULL, "24",
     "Bits of the network's prefix."),
ITEM(CONF_ADDRESS, "dpdk.ports[].gateway", conf_port, gateway, 0, 0, NULL, "0.0.0.0",
     "Router of that network; 0.0.0.0: none. Answers go back the way the question came anyway."),
ITEM(CONF_INT, "dpdk.ports[].queues", conf_port, queues, 1, 16, NULL, "1",
     "Queue pairs. Each costs about 16 MB of packet buffers, and 1 MB more for each other one."),
ITEM(CONF_INT, "dpdk.ports[].mtu", conf_port, mtu, 0, 9001, NULL, "0",
     "Largest IPv4 packet in bytes, 576 or more. 0: as the device is set."),
INT("dpdk.memory_mb", dpdk.memory_mb, 64, 65536, "MiB", "256",
    "Memory for packet buffers: huge pages if so many are free (see memory.huge_pages), else "
    "ordinary ones."),
INT("dpdk.rto_min_ms", dpdk.rto_min_ms, 5, 1000, MS, "50",
    "Floor of the retransmission timeout. Linux clients may delay an ACK by 45 ms; a lower floor "
    "sends some segments twice. Lost tails are repaired sooner, by probes."),
INT("dpdk.tlp_min_us", dpdk.tlp_min_us, 100, 1000000, "us", "2000",
    "Floor of the probe that repairs the loss of the last segments; it comes after two round trips "
    "or this, whichever is longer."),
INT("dpdk.keepalive_ms", dpdk.keepalive_ms, 1000, 600000, MS, "60000",
    "Silence on a connection after which the client's kernel is asked whether it is still there. "
    "Balancers forget a silent flow after 350 s, so stay well below."),
INT("dpdk.ttl", dpdk.ttl, 1, 255, "hops", "64", "Time to live of the packets that we send."),
INT("dpdk.dscp", dpdk.dscp, 0, 63, NULL, "0",
    "Diffserv code point of the packets that we send, for networks that honour it (46: EF)."),

SECTION("auth", "Password checks, on a thread of their own."),
LIVE(CONF_LIVE_AUTH, INT, "auth.failures_max", auth.failures_max, 0, 1000000, "logins", "10",
    "Failed logins from one address within the window, after which its logins are refused without "
    "a look at the password. 0: no limit."),
LIVE(CONF_LIVE_AUTH, INT, "auth.failures_window_ms",
     auth.failures_window_ms, 1000, 3600000, MS, "60000",
    "The window."),
INT("auth.remember_days", auth.remember_days, 0, 365, "days", "7",
    "How long after the process has ended the right passwords of its clients are still known as "
    "keyed digests (data_dir/auth_digests; the key lies with the kernel and ends with a reboot), "
    "so that thousands log in again in a second. 0: only while the process runs."),

SECTION("engine", "Sizes of the engine's pools. All of it is taken at the start."),
INT("engine.accounts_max", engine.accounts_max, 1, ACCOUNTS_MAX, "accounts", "64",
    "Accounts that the shard can have. Each costs a session store (gateway.store_slots)."),
INT("engine.instruments_max", engine.instruments_max, 1, INSTRUMENTS_MAX, "instruments", "1024",
    "Instruments that the shard can have. Each costs an empty book."),
INT("engine.orders_max", engine.orders_max, 1, ORDERS_MAX, "orders", "262144",
    "Orders open at the same time; what comes beyond is rejected. Costs a fixed slab of memory."),

SECTION("journal", "The files that everything is recovered from."),
INT("journal.segment_mb", journal.segment_mb, 1, 4096, "MiB", "64",
    "Size of one file. Larger ones are made less often and keep more of what is no longer needed."),
INT("journal.segments_ahead", journal.segments_ahead, 1, 8, "files", "2",
    "Zero-filled files kept ready. Costs their space; too few let a burst wait for the disk."),
INT("journal.buffer_mb", journal.buffer_mb, 4, 256, "MiB", "4",
    "What may wait in memory for a disk that stands still; then everything before it waits. A "
    "power of two. With durability none no answer waits for what is in here. Each gateway has room "
    "for twice as much."),
INT("journal.low_space_mb", journal.low_space_mb, 2, 1048576, "MiB", "1024",
    "Free space below which new orders are rejected while cancels are still taken."),
INT("journal.hard_space_mb", journal.hard_space_mb, 1, 1048575, "MiB", "256",
    "Free space below which nothing more is read from clients."),
INT("journal.snapshot_transactions", journal.snapshot_transactions, 0, INT64_MAX,
    "transactions", "1000000",
    "A snapshot of the whole state is written after so many, by a cold thread with an engine of "
    "its own (a second set of pools); a start reads the newest good one and the journal behind "
    "it. Two are kept. 0: none, a start reads the whole journal."),
INT("journal.keep_segments", journal.keep_segments, 0, 1000000, "files", "0",
    "Segments that no export, no archive, no snapshot and no stream of the day needs any more are "
    "used again, but so many of them stay, for a database that falls back to a standby. Wants "
    "snapshots and archive_to: after an upgrade a start needs all, and takes them from there. 0: "
    "all stay."),
TEXT("journal.archive_to", journal.archive_to, 0, PATH_MAX_CHARS, "",
    "Where full segments go, and at each day's end the rest of the day and a manifest: "
    "s3://BUCKET/PREFIX or a directory, for this shard alone. Empty: nowhere."),
TEXT("journal.archive_command", journal.archive_command, 1, PATH_MAX_CHARS,
    "/usr/lib/wirebook/archive",
    "The program that puts them there, one at a time (persist/archive_hook.h). With its path."),
WORD("journal.io", journal.io, "io_uring pwrite", NULL, "io_uring",
     "How it is written, O_DIRECT|O_DSYNC either way. io_uring: several writes in flight; each "
     "ends in a worker of the kernel's on the core that takes the disk's interrupt, so a hot "
     "thread that spins there holds acknowledgements up for milliseconds, one of real-time "
     "priority for seconds: a start warns, /usr/lib/wirebook/tune moves the interrupts. pwrite: "
     "one at a time, ended in the persist agent's own thread, which should then be its own; wins "
     "where every core spins."),

LIST("threads", threads, threads_used, CONF_THREADS_MAX,
     "[{name: gateway, agents: [gateway]}, {name: engine, agents: [engine]}, "
     "{name: persist, agents: [persist]}]",
     "The hot threads. Each hot agent (gateway, engine, persist; with gateway.count 3 also "
     "gateway1 and gateway2) runs in exactly one of them; agents of one thread take turns. Fewer "
     "threads need fewer cores and cost latency."),
ITEM(CONF_TEXT, "threads[].name", conf_thread, name, 1, 15, NULL, NULL,
     "Name of the thread, as top and ps show it."),
ITEM(CONF_CPU, "threads[].cpu", conf_thread, cpu, 0, 1023, NULL, "none",
     "Core that the thread is pinned to, as numbered by the kernel. none: not pinned."),
ITEM(CONF_WORD, "threads[].idle", conf_thread, idle, 0, 0, "spin yield backoff", "backoff",
     "What it does without work. spin: lowest latency, wants the core for itself. yield: gives the "
     "core away when another wants it. backoff: sleeps up to 100 us, for laptops and tests."),
{"threads[].agents", CONF_SET, offsetof(struct conf_thread, agents), 4, 0, 0, 0, AGENT_WORDS, NULL,
    "gateway, gateway1 to gateway15, engine, persist", NULL, "The agents that it runs.",
    CONF_RESTART},

SECTION("export", "Copies of the journal in databases. They may be slow or away: they catch up."),
INT("export.retry_min_ms", export_retry_min_ms, 1, 60000, MS, "100",
    "First wait after a lost connection; doubled each time, with jitter."),
INT("export.retry_max_ms", export_retry_max_ms, 1, 600000, MS, "5000",
    "... and never longer than this."),
INT("export.refused_retry_ms", export_refused_retry_ms, 1, 600000, MS, "5000",
    "Wait after the database answered that it will not work with us (rights, missing tables)."),
SECTION("export.postgres", "Every order and fill in PostgreSQL, each exactly once."),
BOOL("export.postgres.enabled", postgres.enabled, "no",
     "Whether to export there at all."),
SPECIAL(CONF_CONNINFO, "export.postgres.conninfo", postgres.conninfo, 0, CONF_TEXT_BYTES - 1, "",
        "libpq's connection string: host=a,b port=... dbname=... user=... sslmode=verify-full "
        "target_session_attrs=read-write. Never a password: see password_file."),
TEXT("export.postgres.password_file", postgres.password_file, 0, PATH_MAX_CHARS, "",
     "File in .pgpass format, readable by its owner only. Empty: libpq's own PGPASSFILE."),
INT("export.postgres.batch_rows", postgres.batch_rows, 1, 20000, "rows", "10000",
    "Rows of one batch at most, about. More rows a batch: more throughput, later rows."),
INT("export.postgres.batch_ms", postgres.batch_ms, 0, 60000, MS, "200",
    "A batch is sent when it is full or so old. Each costs a commit of the database, for which the "
    "journal waits where both share a disk. 0: at once."),
INT("export.postgres.connect_timeout_ms", postgres.connect_timeout_ms, 100, 600000, MS, "5000",
    "A host that has not answered by then is given up for the next one in conninfo."),
INT("export.postgres.commit_timeout_ms", postgres.commit_timeout_ms, 100, 600000, MS, "10000",
    "A server that stays silent for so long once it was asked is given up; what became of the "
    "batch is looked up at the next connection."),
SECTION("export.redis", "Every fill on Redis streams and channels, and the last trades."),
BOOL("export.redis.enabled", redis.enabled, "no",
     "Whether to export there at all."),
SPECIAL(CONF_HOSTS, "export.redis.host", redis.host, 1, CONF_TEXT_BYTES - 1, "127.0.0.1",
        "Names or addresses, tried in turn: a,b:6380. The primary's, or those of all nodes: a "
        "replica is found out and left, and a cluster says which node has our keys."),
INT("export.redis.port", redis.port, 1, 65535, NULL, "6379",
    "TCP port of those that name none."),
TEXT("export.redis.socket", redis.socket, 0, 107, "",
     "Path of a Unix socket to use instead of host and port. Empty: none."),
TEXT("export.redis.username", redis.username, 0, 63, "",
     "User for AUTH. Empty: the default user."),
TEXT("export.redis.password_file", redis.password_file, 0, PATH_MAX_CHARS, "",
     "File with the password on its first line. Empty: no AUTH."),
BOOL("export.redis.tls", redis.tls, "no",
     "TLS 1.2 or later; the server's certificate must be for the host's name."),
TEXT("export.redis.tls_ca_file", redis.tls_ca_file, 0, PATH_MAX_CHARS, "",
     "Authorities that are believed, in PEM. Empty: the machine's own."),
TEXT("export.redis.tls_cert_file", redis.tls_cert_file, 0, PATH_MAX_CHARS, "",
     "Our certificate, in PEM, if the server wants one. Empty: none."),
TEXT("export.redis.tls_key_file", redis.tls_key_file, 0, PATH_MAX_CHARS, "",
     "The key of tls_cert_file, readable by its owner only."),
TEXT("export.redis.tls_name", redis.tls_name, 0, 255, "",
     "Name that the certificate must be for. Empty: the host's."),
TEXT("export.redis.prefix", redis.prefix, 1, 63, "wirebook",
     "In front of every key and channel, parted by a colon, so that several shards can share one "
     "Redis. In a cluster with a hash tag, such as wirebook{1}: all keys in one slot."),
BOOL("export.redis.top_of_book", redis.top_of_book, "yes",
     "Whether to set and publish each instrument's best bid and offer, and each second before a "
     "cross what it would give. Without snapshots it costs a second set of the engine's pools."),
INT("export.redis.stream_max_len", redis.stream_max_len, 1000, 1000000000, "entries", "1000000",
    "Entries kept in a stream, about. Costs some 200 bytes of Redis' memory each."),
INT("export.redis.batch_rows", redis.batch_rows, 1, 100000, "entries", "1024",
    "Fills of one round trip at most."),
INT("export.redis.batch_ms", redis.batch_ms, 0, 60000, MS, "5",
    "A batch is sent when it is full or so old. 0: at once."),
INT("export.redis.connect_timeout_ms", redis.connect_timeout_ms, 100, 600000, MS, "2000",
    "A connection that does not stand by then is given up."),
INT("export.redis.commit_timeout_ms", redis.commit_timeout_ms, 100, 600000, MS, "5000",
    "A batch that is not answered by then: the connection is given up."),

SECTION("memory", "Memory of the hot agents, all of it taken at the start."),
WORD("memory.huge_pages", huge_pages, "try off", NULL, "try",
     "try: 2 MB pages as far as the machine has reserved them (scripts/setup does), ordinary ones "
     "beyond. off: ordinary ones."),

SECTION("log",
        "What happens, to standard error. At most 20 lines a second of one kind (1,000 of logins "
        "and other events) from one thread: more are counted."),
LIVE(CONF_LIVE_LOG, WORD, "log.level", log_level, "debug info warn error", NULL, "info",
     "Lines below it are not written."),
WORD("log.format", log_format, "text json journald", NULL, "text",
     "text: lines for people. json: an object a line, with the fields of each event (login, "
     "logout, login_refused, reject_burst, day, phase, pause, operator, reload, suppressed). "
     "journald: the same fields in the machine's journal, as WIREBOOK_USER and so on; then "
     "nothing goes to standard error."),

SECTION("metrics", "Numbers for machines, in the Prometheus text format."),
LIVE(CONF_LIVE_METRICS, TEXT, "metrics.file", metrics_file, 0, PATH_MAX_CHARS, "",
     "File that they are written to, replaced whole each time. Empty: none."),
LIVE(CONF_LIVE_METRICS, INT, "metrics.interval_ms", metrics_interval_ms, 100, 3600000, MS, "1000",
    "Time between two writes."),

SECTION("stages",
        "Where an order's time goes, from the burst that brings it to the one that takes its "
        "answer: histograms in the metrics, and a report at the end."),
BOOL("stages.enabled", stages_enabled, "false",
     "Measure it: costs about 0.1 us an order."),
INT("stages.skip", stages_skip, 0, INT64_MAX, "orders", "0",
    "So many orders of each gateway are not counted at first: a benchmark's warm-up."),
TEXT("stages.users", stages_users, 0, 6, "",
     "Only orders of users whose name, in capitals, begins so are counted. Empty: of all."),
TEXT("stages.file", stages_file, 0, PATH_MAX_CHARS, "",
     "File that the report is written to when the process ends. Empty: none."),

SECTION("control", "Operators on this machine: wirebook-ctl, by a Unix socket."),
TEXT("control.socket", control.socket, 0, 107, "",
     "Path of the socket, such as /run/wirebook/control.sock; its folder must be there. Empty: "
     "nobody can steer."),
TEXT("control.group", control.group, 0, 32, "",
     "Group whose members may connect, beside the process' own user and root. Empty: its own."),
LIVE(CONF_LIVE_ROLES, TEXT, "control.viewers", control.viewers, 0, CONF_TEXT_BYTES - 1, "",
     "Who may look: users, and groups behind an @, with commas between them."),
LIVE(CONF_LIVE_ROLES, TEXT, "control.operators", control.operators, 0, CONF_TEXT_BYTES - 1, "",
     "Who may also end connections, disable accounts, halt, change phases and kill."),
LIVE(CONF_LIVE_ROLES, TEXT, "control.admins", control.admins, 0, CONF_TEXT_BYTES - 1, "",
     "Who may do everything: limits, terms of instruments, broken trades, the day's end, draining. "
     "root and the process' own user always may."),

SECTION("management",
        "Numbers and health over HTTP: /metrics, /livez, /readyz; and the web console, /console/. "
        "A login for the console only."),
SPECIAL(CONF_ADDRESS, "management.address", management_ipv4, 0, 0, "127.0.0.1",
        "IPv4 address of this machine that clients cannot reach."),
INT("management.port", management_port, 0, 65535, NULL, "0",
    "TCP port. 0: not served."),
TEXT("management.tls_cert_file", management_cert_file, 0, PATH_MAX_CHARS, "",
     "Our certificate for this address, in PEM, and behind it those that it is signed by: then all "
     "of it is served by TLS alone. Read at the start. Empty: plain, for a loopback address or "
     "behind a proxy that does TLS."),
TEXT("management.tls_key_file", management_key_file, 0, PATH_MAX_CHARS, "",
     "Its key, in PEM, readable by its owner only."),
TEXT("management.console_dir", console_dir, 0, PATH_MAX_CHARS, "",
     "Directory with the web console's files, as `make console` builds them. Empty: no console."),
TEXT("management.token_file", console_token_file, 0, PATH_MAX_CHARS, "",
     "File with the console's token on its first line, readable by its owner only: who has it "
     "sees everything, and can change nothing. A new one in it counts within a second."),
SPECIAL(CONF_CONNINFO, "management.conninfo", console_conninfo, 0, CONF_TEXT_BYTES - 1, "",
        "libpq's connection string for the console's order books and sessions: the database that "
        "export.postgres fills, best a replica of it. Empty: they are not shown."),
TEXT("management.password_file", console_password_file, 0, PATH_MAX_CHARS, "",
     "File in .pgpass format for it, readable by its owner only. Empty: libpq's own PGPASSFILE."),
};
/* clang-format on */

const u32 conf_schema_used = ARRAY_LEN(conf_schema);
_Static_assert(ARRAY_LEN(conf_schema) <= CONF_KEYS_MAX, "conf_lines has room for every row");
