# shellcheck shell=bash
# venue.sh - a venue for the shell tests of tests/integ, to be sourced from the repository's root after `what`, the test's name.
#
# Sets bin, tmp (a directory of the test's own, removed by finish), dir (the journal in it), port, failed and venue (the process,
# or 0). The test writes $tmp/venue.yaml, to which dev_config adds what each one needs. Nothing is left when it ends early.
# shellcheck disable=SC2317,SC2034,SC2154  # conditions are called by name, variables are the test's, `what` is given
bin=${WB_BIN:-build/release}
tmp=${WB_TMP:-$(mktemp -d "/var/tmp/wb-$what-XXXXXX")}
mkdir -p "$tmp"
export WIREBOOK_PASSWORD=ALFA01PASS
dir=$tmp/journal
failed=0
venue=0
trap '[ "$venue" = 0 ] || kill -9 "$venue"' EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

check() { # what, condition as a command
    local what=$1
    shift
    if "$@"; then
        echo "ok   $what"
    else
        echo "FAIL $what"
        tail -n 20 "$tmp/venue.log" | sed 's/^/     /'
        failed=1
    fi
}
has() { grep -qE -- "$1" "${2:-$tmp/venue.log}"; }
hasnt() { ! has "$@"; }
is() { [ "$1" = "$2" ]; }
wait_for() { # seconds, condition as a command
    local tries=$(($1 * 10))
    shift
    while ! "$@" && [ "$tries" -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    "$@"
}

dev_config() { # sed expressions on top of the development config
    sed -e "s#^data_dir:.*#data_dir: $dir#" -e "s/port: 9000/port: $port/" "$@" config/dev.yaml > "$tmp/venue.yaml"
}
venue_start() {
    : > "$tmp/venue.log" # the one before must not answer for this one
    "$bin/wirebook" "$tmp/venue.yaml" > "$tmp/venue.log" 2>&1 &
    venue=$!
    wait_for 30 has 'listening on' || { echo "FAIL the venue does not come up"; cat "$tmp/venue.log"; exit 1; }
}
venue_end() { # signal
    kill "-${1:-TERM}" "$venue" && wait "$venue" 2> "$tmp/null"
    venue=0
}
orders() { # of ALFA01; what its client says to $tmp/client.log
    "$bin/wirebook-client" --port "$port" --user ALFA01 --quiet "$@" > "$tmp/client.log" 2>&1
}

finish() {
    [ -n "${WB_TMP:-}" ] || rm -rf "$tmp"
    exit "$failed"
}
