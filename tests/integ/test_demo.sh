#!/usr/bin/env bash
# The demonstration does what it says and leaves nothing behind, also when somebody ends it half-way.
# wb-test: timeout=240
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "FAIL: $*"; exit 1; }

# Whatever runs from the clone's build or below var/demo.
left() {
    local cwd
    pgrep -f "$PWD/var/demo/wirebook.yaml" || true
    for cwd in /proc/[0-9]*/cwd; do
        case "$(readlink "$cwd" 2> /dev/null)" in "$PWD"/var/demo*) echo "$cwd" ;; esac
    done
}

scripts/demo
[ -z "$(left)" ] || fail "it leaves behind: $(left)"

setsid scripts/demo > /dev/null 2>&1 &
demo=$!
sleep 6
kill -TERM "$demo"
wait "$demo" && fail "ended half-way, it says that all went well"
[ -z "$(left)" ] || fail "ended half-way, it leaves behind: $(left)"
