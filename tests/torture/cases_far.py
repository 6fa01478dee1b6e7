"""PostgreSQL and Redis: killed, stopped, promoted with a loss, read-only, emptied, cut off in mid-word."""
import os
import re
import signal
import subprocess

import journal_check
from case import case
from far import BATCH, COMMIT, Proxy, Replica, Standby
from rig import BEHIND, PATIENCE_S, Broken, Patience


def misfortunes(t, rig, service, ways, times):
    """The service goes away in one of these ways and comes back, again and again; once the venue dies meanwhile."""
    dies_at = t.dice.randrange(times)
    for number in range(times):
        away, back = t.dice.choice(ways)
        rig.trade(t.dice.uniform(0.1, 0.5), True)
        rig.services.call(f"{away}-{service}")
        try:
            count = rig.trade(t.dice.uniform(0.2, 1.5), True)
            if number == dies_at:
                rig.end(signal.SIGKILL)
                rig.drain()
                rig.up()
                count += rig.trade(0.3, True)
        finally:
            rig.services.call(f"{back}-{service}")
        t.did(f"{away}-{service}, {count} messages without it{', SIGKILL of the venue meanwhile' if number == dies_at else ''}")


@case("postgres-killed", "SIGKILL of PostgreSQL, all of it, under load", times=2)
def postgres_killed(t):
    rig = t.rig()
    rig.up()
    misfortunes(t, rig, "postgres", [("kill", "start")], 4)
    return rig.judge()


@case("postgres-stopped", "PostgreSQL stands still, longer than the venue waits for it", times=2)
def postgres_stopped(t):
    rig = t.rig(more="")
    rig.export = rig.export.replace("commit_timeout_ms: 3000", "commit_timeout_ms: 500")
    rig.write_files({})
    rig.up()
    misfortunes(t, rig, "postgres", [("pause", "resume"), ("kill", "start"), ("pause", "resume")], 4)
    return rig.judge()


@case("ended-behind", "an orderly end while PostgreSQL and Redis stand still: the next start has to bring them the rest", times=2)
def ended_behind(t):
    rig = t.rig(drain_ms=1500)
    rig.up()
    rig.trade(0.5, True)
    lacked = {}
    for service in ("postgres", "redis"):
        rig.services.call(f"pause-{service}")
    try:
        count = rig.trade(t.dice.uniform(0.5, 1.5), True)
        rig.end(signal.SIGTERM)
        rig.drain()
        lacked = {name: int(number) for name, number in re.findall(BEHIND, rig.said())}
    finally:
        for service in ("postgres", "redis"):
            rig.services.call(f"resume-{service}")
    if set(lacked) != {"postgres", "redis"} or min(lacked.values()) < 100:
        raise Broken(f"both were to be behind: {lacked}, see {rig.log_path}")
    rig.write_files({})  # the next ones have time
    t.did(f"{count} messages while both stood still, then SIGTERM: {lacked['postgres']} transactions behind in PostgreSQL, "
          f"{lacked['redis']} in Redis")
    return rig.judge()


def mark_of(psql):
    rows = journal_check.rows(psql, "select coalesce(max(seq), 0) from export_mark")
    return int(rows[0][0])


def get_ahead(rig, count, behind):
    """Trades until more than `behind` has arrived where count() looks: the copy of it is held back. The machine's disk may stand
    still for a while."""
    patience = Patience(PATIENCE_S, f"the export gets beyond {behind}")
    while (there := count()) <= behind:
        rig.trade(0.1, True)
        patience.check()
    return there


@case("postgres-promoted", "PostgreSQL dies and a standby that lags behind is promoted: committed rows are lost", times=2)
def postgres_promoted(t):
    env = t.services.env
    proxy = t.own(Proxy(int(env["PGPORT"])))
    rig = t.rig()
    standby = t.own(Standby(f"{t.folder}/standby", t.services, proxy))
    rig.export = rig.export.replace(f"host={env['PGHOST']} port={env['PGPORT']}",
                                    f"host=127.0.0.1,127.0.0.1 port={env['PGPORT']},{standby.port} "
                                    "target_session_attrs=read-write")
    rig.write_files({})
    rig.up()
    rig.trade(1.0, True)
    proxy.hold()
    beyond = f"select (pg_current_wal_flush_lsn() > '{standby.received()}')::int"
    get_ahead(rig, lambda: int(journal_check.rows(rig.psql, beyond)[0][0]), 0)
    behind = mark_of(rig.psql)
    rig.trade(t.dice.uniform(0.3, 0.8), True)
    mark = get_ahead(rig, lambda: mark_of(rig.psql), behind)  # committed behind all that the standby has
    rig.services.call("kill-postgres")
    try:
        standby.promote()
        rig.psql = rig.services.psql + ["-h", "127.0.0.1", "-p", str(standby.port), "-d", rig.dbname]
        t.did(f"the standby was held back, the primary killed at transaction {mark}, the standby promoted")
        rig.trade(0.5, True)
        t.found(f"the mark went back by at least {mark - behind} transactions")
        return rig.judge()
    finally:
        rig.services.call("start-postgres")


def read_only(rig, on):
    verb = "alter system set default_transaction_read_only = on" if on else "alter system reset default_transaction_read_only"
    subprocess.run(rig.psql + ["-qc", verb, "-c", "select pg_reload_conf()"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "PGOPTIONS": "-c default_transaction_read_only=off"})


def settled_mark(rig):
    """What was under way when the switch was turned may still be committed: however long that takes on a busy machine."""
    patience, last, same_since = Patience(PATIENCE_S, "the last batch before read-only ends"), -1, 0
    while same_since < 5:
        rig.trade(0.1, True)
        mark = mark_of(rig.psql)
        same_since = same_since + 1 if mark == last else 0
        last = mark
        patience.check()
    return last


@case("postgres-read-only", "PostgreSQL takes no writes for a while, as a writer that was demoted")
def postgres_read_only(t):
    rig = t.rig()
    rig.up()
    for number in range(3):
        rig.trade(0.5, True)
        try:
            read_only(rig, True)
            mark = settled_mark(rig)
            count = rig.trade(0.7, True)
            if mark_of(rig.psql) != mark:
                raise Broken("rows were committed while it was read-only")
        finally:
            read_only(rig, False)
        t.did(f"read-only, {count} messages meanwhile")
        if number == 0:
            rig.end(signal.SIGKILL)
            rig.drain()
            rig.up()
    return rig.judge()


@case("postgres-commit-cut", "the connection ends at COMMIT: before the server hears it, or when it has done it", times=3)
def commit_cut(t):
    proxy = t.own(Proxy(int(t.services.env["PGPORT"])))
    rig = t.rig(conninfo=f"host=127.0.0.1 port={proxy.port}")
    rig.up()
    hows = []

    def before():
        hows.append(t.dice.choice(["before", "after"]))
        return hows[-1]

    proxy.cut_at(COMMIT, 12, before)
    for _ in range(60):
        rig.trade(0.2, True)
        if proxy.cuts == 12:
            break
    if proxy.cuts < 12:
        raise Broken(f"only {proxy.cuts} COMMITs in 12 s")
    t.did(f"cut off at {hows.count('before')} COMMITs before the server heard them, at {hows.count('after')} after it had done them")
    return rig.judge()


@case("redis-killed", "SIGKILL and SIGSTOP of Redis under load", times=2)
def redis_killed(t):
    rig = t.rig()
    rig.up()
    misfortunes(t, rig, "redis", [("kill", "start"), ("pause", "resume")], 5)
    return rig.judge()


@case("redis-emptied", "Redis loses everything that it had, scripts included, under load", times=2)
def redis_emptied(t):
    rig = t.rig()
    rig.up()
    for number in range(3):
        rig.trade(t.dice.uniform(0.3, 1.0), True)
        before = int(subprocess.check_output(rig.redis_cli + ["xlen", f"{rig.dbname}:fills"]))
        subprocess.run(rig.redis_cli + ["flushall"], check=True, stdout=subprocess.DEVNULL)
        if number > 0:
            subprocess.run(rig.redis_cli + ["script", "flush"], check=True, stdout=subprocess.DEVNULL)
        t.did(f"FLUSHALL with {before} fills in the stream{' and SCRIPT FLUSH' if number else ''}")
        if before == 0:
            raise Broken("there was nothing to lose")
    return rig.judge()


@case("redis-failed-over", "Redis dies and a replica that lags behind becomes the primary: fills are lost", times=2)
def redis_failed_over(t):
    port = int(t.services.env["REDIS_PORT"])
    proxy = t.own(Proxy(port))
    replica = t.own(Replica(f"{t.folder}/replica", proxy))
    rig = t.rig(redis=f"127.0.0.1:{port},127.0.0.1:{replica.port}")
    rig.up()
    rig.trade(1.0, True)
    proxy.hold()
    replica.settle()
    behind = replica.fills(rig.dbname)
    rig.trade(t.dice.uniform(0.3, 0.8), True)
    had = get_ahead(rig, lambda: int(subprocess.check_output(rig.redis_cli + ["xlen", f"{rig.dbname}:fills"])), behind + 100)
    rig.services.call("kill-redis")
    try:
        kept = replica.fills(rig.dbname)  # asked before the venue can write there: it catches up at once
        if kept >= had:
            raise Broken(f"the replica has all: {kept} of {had}; nothing was tested")
        replica.promote()
        t.did(f"the replica was held back, the primary killed with {had} fills, the replica promoted with {kept}")
        rig.redis_cli = replica.cli
        rig.trade(0.5, True)
        return rig.judge()
    finally:
        rig.services.call("start-redis")


@case("redis-batch-cut", "the connection ends at a batch: before Redis hears it, or when it has done it", times=3)
def batch_cut(t):
    proxy = t.own(Proxy(int(t.services.env["REDIS_PORT"])))
    rig = t.rig(redis=f"127.0.0.1:{proxy.port}")
    rig.up()
    proxy.cut_at(BATCH, 12, lambda: t.dice.choice(["before", "after"]))
    for _ in range(60):
        rig.trade(0.2, True)
        if proxy.cuts == 12:
            break
    if proxy.cuts < 12:
        raise Broken(f"only {proxy.cuts} batches in 12 s")
    t.did("cut off at 12 batches")
    return rig.judge()
