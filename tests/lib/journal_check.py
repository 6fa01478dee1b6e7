"""What `wirebook-journal print` says, and whether clients, PostgreSQL and Redis say the same."""
import collections
import re
import struct
import subprocess

OUCH = {"EV_SYSTEM": "S", "EV_ACCEPTED": "A", "EV_REPLACED": "U", "EV_CANCELLED": "C", "EV_EXECUTED": "E",
        "EV_REJECTED": "J", "EV_QUERIED": "Q"}
ROW_OF = {"EV_ACCEPTED": "A", "EV_REPLACED": "U", "EV_CANCELLED": "C", "EV_AIQ_CANCELLED": "D", "EV_MODIFIED": "M",
          "EV_RESTATED": "R", "EV_CANCEL_PENDING": "P", "EV_CANCEL_REJECTED": "I", "EV_PRIORITY": "T"}
CONTROL_OF = {"EV_MASS_CANCELLED": "mass cancel", "EV_DISABLED": "disable", "EV_ENABLED": "enable", "EV_KILLED": "kill",
              "EV_RESTORED": "restore"}
MARKET_OF = {"EV_COURSE": "course", "EV_PHASE": "phase", "EV_CROSS": "cross", "EV_BANDS": "bands"}


class Differs(AssertionError):
    """Two that must agree do not."""


def same(what, wanted, got):
    """Both are lists in order; says where they part."""
    for i, (one, two) in enumerate(zip(wanted, got)):
        if one != two:
            raise Differs(f"{what}: number {i + 1} should be {one}, is {two}")
    if len(wanted) != len(got):
        more = "missing" if len(wanted) > len(got) else "too many"
        rest = (wanted if len(wanted) > len(got) else got)[min(len(wanted), len(got))]
        raise Differs(f"{what}: {abs(len(wanted) - len(got))} {more}, the first is {rest}")
    return len(wanted)


def price(text):
    """150.2500 to 1502500; what a market order has stays."""
    return int(text.replace(".", "")) if "." in text else 0x7FFFFFFF


class Journal:
    """Every event in order, as dicts of text; `idx` counts within the transaction, its command is 0."""

    def __init__(self, tool, directory):
        out = subprocess.run([tool, "print", directory], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.events, self.users, self.messages = [], {}, []
        self.streams = collections.defaultdict(list)  # (day, account) -> events
        day, seq, idx = 0, 0, 0
        for line in out.splitlines():
            if not line.lstrip().startswith("seq="):
                continue
            m = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|\S*)', line)}
            m["idx"] = idx = idx + 1 if int(m["seq"]) == seq else 0
            if idx == 0:
                if int(m["seq"]) != seq + 1:
                    raise Differs(f"journal: transaction {m['seq']} follows {seq}")
                seq += 1
            # The head's: some have another one behind it.
            m["type"], whose = re.search(r" type=(\S+) account=(\d+)", line).groups()
            self.messages.append((m["seq"], str(idx), m["type"], whose))
            if m["type"].startswith("CMD_"):
                continue
            if m["type"] == "EV_DAY_OPENED":
                day = int(m["day"])
            if m["type"] == "EV_ACCOUNT":
                self.users[m["user"]] = int(m["account"])
            m["of_day"] = day
            self.events.append(m)
            if int(m["session_seq"]) > 0:
                stream = self.streams[day, int(m["account"])]
                stream.append(m)
                if int(m["session_seq"]) != len(stream):
                    raise Differs(f"journal: {line} is number {len(stream)} of its stream")
        self.last_seq = seq

    def of(self, *types):
        return [m for m in self.events if m["type"] in types]


def facts_of_event(m):
    """What an event and an OUCH message both say."""
    kind = OUCH[m["type"]]
    facts = [kind]
    if kind == "Q":
        return facts + [int(m["next_user_ref"])]
    if kind == "S":
        return facts + [m["code"]]
    facts.append(int(m["user_ref"]))
    if kind in "AU":
        facts += [int(m["qty"]), price(m["price"]), int(m["order_ref"]), m["side"]]
    if kind in "CE":
        facts.append(int(m["qty"]))
    if kind == "E":
        facts += [price(m["price"]), int(m["match"])]
    if kind == "J":
        facts.append(int(m["reason"], 0))
    return facts


def facts_of_bytes(b):
    """The same of the bytes that a client saw, by the offsets of the specification."""
    kind = chr(b[0])
    u32 = lambda at: struct.unpack_from(">I", b, at)[0]  # noqa: E731
    u64 = lambda at: struct.unpack_from(">Q", b, at)[0]  # noqa: E731
    if kind == "S":
        return [kind, chr(b[9])]
    if kind == "A":
        return [kind, u32(9), u32(14), u64(26), u64(36), chr(b[13])]
    if kind == "U":
        return [kind, u32(13), u32(18), u64(30), u64(40), chr(b[17])]
    if kind == "C":
        return [kind, u32(9), u32(13)]
    if kind == "E":
        return [kind, u32(9), u32(13), u64(17), u64(26)]
    if kind == "J":
        return [kind, u32(9), struct.unpack_from(">H", b, 13)[0]]
    if kind == "Q":
        return [kind, u32(9)]
    raise Differs(f"a client saw {b.hex()}")


def check_client(journal, client):
    """All that the client saw is in the journal, and nothing is that it did not see; of a day that is over it may have missed the
    end, if it was away."""
    count = 0
    for day, seen in client.seen.items():
        truth = journal.streams[day, journal.users[client.user]]
        if day != client.day:
            truth = truth[:len(seen)]
        count += same(f"{client.user} day {day}", [facts_of_event(m) for m in truth], [facts_of_bytes(b) for b in seen])
    return count


def rows(psql, query):
    out = subprocess.run(psql + ["-XAtq", "-F", "|", "-c", query], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [tuple(line.split("|")) for line in out.splitlines()]


def raw_messages(psql):
    """What the raw log has: each message as (seq, idx, type, account), taken apart here and not by the database."""
    names = dict(rows(psql, "select type, name from message_types"))
    for seq, text in rows(psql, "select seq, encode(messages, 'hex') from event_log order by seq"):
        tx, at, idx = bytes.fromhex(text), 0, 0
        while at < len(tx):
            yield seq, str(idx), names.get(str(tx[at]), "?"), str(struct.unpack_from("<I", tx, at + 4)[0])
            at, idx = at + 64 * tx[at + 1], idx + 1


def check_postgres(journal, psql):
    """Each table has the journal's events, once, with the same figures. Returns the number of rows."""
    count = same("executions", [
        (m["seq"], str(m["idx"]), m["account"], m["order_ref"], m["user_ref"], m["qty"], m["price"], m["match"],
         str(m["of_day"]), m["session_seq"]) for m in journal.of("EV_EXECUTED")
    ], rows(psql, "select seq, idx, account, order_ref, user_ref, qty, price, match, to_char(day, 'YYYYMMDD'), "
            "session_seq from executions order by seq, idx"))
    count += same("orders", [
        (m["seq"], str(m["idx"]), ROW_OF[m["type"]], m["account"], m["order_ref"], m["user_ref"], m.get("qty", ""))
        for m in journal.of(*ROW_OF)
    ], rows(psql, "select seq, idx, event, account, order_ref, user_ref, qty from orders order by seq, idx"))
    for table, kinds in (("controls", CONTROL_OF), ("market", MARKET_OF)):
        count += same(table, [(m["seq"], str(m["idx"]), kinds[m["type"]]) for m in journal.of(*kinds)],
                      rows(psql, f"select seq, idx, event from {table} order by seq, idx"))
    count += same("broken_trades", [(m["seq"], str(m["idx"]), m["account"], m["match"]) for m in journal.of("EV_BROKEN")],
                  rows(psql, "select seq, idx, account, match from broken_trades order by seq, idx"))
    count += same("event_log", journal.messages, list(raw_messages(psql)))
    count += same("rejects", [
        (m["seq"], str(m["idx"]), m["account"], m["user_ref"], str(int(m["reason"], 0)))
        for m in journal.of("EV_REJECTED")
    ], rows(psql, "select seq, idx, account, user_ref, reason from rejects order by seq, idx"))
    count += same("sessions", [(m["seq"], str(m["idx"])) for m in
                               journal.of("EV_BOUND", "EV_UNBOUND", "EV_LOGIN_REJECTED")],
                  rows(psql, "select seq, idx from sessions order by seq, idx"))
    mark = rows(psql, "select seq from export_mark")
    if mark != [(str(journal.last_seq),)]:
        raise Differs(f"PostgreSQL: the mark is {mark}, the journal ends at {journal.last_seq}")
    return count


def check_redis(journal, redis_cli, stream):
    """The stream has the journal's fills, once, in order, under ids made of transaction and event."""
    out = subprocess.run(redis_cli + ["--no-raw", "XRANGE", stream, "-", "+"], check=True, stdout=subprocess.PIPE,
                         text=True).stdout
    ids = re.findall(r'\d+\) 1\) "(\d+)-(\d+)"', out)
    return same("Redis", [(m["seq"], str(m["idx"])) for m in journal.of("EV_EXECUTED")], ids)
