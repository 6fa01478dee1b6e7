#!/usr/bin/env bash
# scripts/local-services: both servers come up, survive a SIGKILL with their data, stand still when paused, and leave no
# process behind. In a place that everybody may enter, and in one that only we may.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${WB_TMP:-$(mktemp -d)}
services=$PWD/scripts/local-services

fail() { echo "FAIL: $*"; exit 1; }
query() { psql -XAtqc "$1"; }
redis() { redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" "$@"; }

# What runs below a directory, by working directory; zombies have none.
running() {
    local cwd
    for cwd in /proc/[0-9]*/cwd; do
        case "$(readlink "$cwd" 2> /dev/null)" in "$1"/*) echo "$cwd" ;; esac
    done
}

exercise() {
    local dir=$1 port
    "$services" start "$dir"
    set -a && . "$dir/services.env" && set +a
    [ "$(query 'select 1')" = 1 ] || fail "PostgreSQL does not answer"
    [ "$(query "select string_agg(setting, ' ') from pg_settings where name in ('fsync', 'synchronous_commit')")" = "on on" ] ||
        fail "PostgreSQL is not durable"
    [ "$(PGHOST=$PGSOCKETDIR query 'select 2')" = 2 ] || fail "PostgreSQL does not answer on its socket"
    ! PGPASSWORD=wrong query 'select 1' 2> /dev/null || fail "PostgreSQL takes any password"
    [ "$(stat -c %a "$dir/services.env")" = 600 ] || fail "others can read the password"
    [ "$(redis ping)" = PONG ] && [ "$(redis-cli -s "$REDIS_SOCKET" ping)" = PONG ] || fail "Redis does not answer"

    query 'create table kept (x int); insert into kept values (7)'
    port=$PGPORT
    "$services" kill-postgres "$dir"
    ! query 'select 1' 2> /dev/null || fail "PostgreSQL answers after SIGKILL"
    "$services" restart-postgres "$dir"
    [ "$(query 'select x from kept')" = 7 ] || fail "a committed row is gone after SIGKILL"
    [ "$("$services" env "$dir" | sed -n 's/^PGPORT=//p')" = "$port" ] || fail "another port after a restart"

    "$services" pause-postgres "$dir"
    ! PGCONNECT_TIMEOUT=2 timeout 1 psql -XAtqc 'select 1' > /dev/null 2>&1 || fail "PostgreSQL answers while paused"
    "$services" resume-postgres "$dir"
    [ "$(query 'select 3')" = 3 ] || fail "PostgreSQL does not resume"

    redis set kept 7 > /dev/null
    "$services" pause-redis "$dir"
    ! timeout 1 redis-cli -p "$REDIS_PORT" ping > /dev/null || fail "Redis answers while paused"
    "$services" resume-redis "$dir"
    "$services" restart-redis "$dir"
    [ "$(redis get kept)" = 7 ] || fail "Redis forgot a key over a restart"
    "$services" kill-redis "$dir"
    ! redis ping > /dev/null 2>&1 || fail "Redis answers after SIGKILL"
    "$services" start "$dir"
    [ "$(redis ping)" = PONG ] || fail "start does not bring the killed one back"

    "$services" pause-postgres "$dir" # a paused one must be stopped too
    "$services" stop "$dir"
    [ -z "$(running "$dir")" ] || fail "still running below $dir: $(running "$dir")"
    [ -z "$(ls -A "$PGSOCKETDIR" 2> /dev/null)" ] || fail "sockets left: $(ls -A "$PGSOCKETDIR")"
}

work=$(cd "$work" && pwd -P)
trap '"$services" stop "$work/open" || true; "$services" stop "$work/closed/deep" || true' EXIT
mkdir -p "$work/open" "$work/closed/deep"
chmod 755 "$work/open"
chmod 700 "$work/closed"
exercise "$work/open"
exercise "$work/closed/deep"
trap - EXIT

# One broken from the start fails soon, and says why.
mkdir -p "$work/broken"
"$services" start "$work/broken"
"$services" stop "$work/broken"
echo 'no_such_setting = on' >> "$work/broken/postgres/data/postgresql.conf"
! LOCAL_SERVICES_WAIT=1 "$services" start-postgres "$work/broken" 2> "$work/stderr" || fail "a broken one starts"
grep -q no_such_setting "$work/stderr" || fail "does not say why: $(cat "$work/stderr")"
"$services" stop "$work/broken"

echo "PostgreSQL and Redis start, die, pause and stop as told"
