#!/usr/bin/env bash
# The load of make bench-load, shortened: every order is answered once and both databases have the journal's fills. The
# rate is not judged, as other tests may run beside this one.
# wb-test: timeout=90 alone=yes
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$(scripts/bench-load --seconds 3 --warmup 0.5 --any-rate)
echo "$out"
for wanted in '4 sessions, 3.0 s' 'every order was answered once' 'export to postgres: .* had caught up' \
    'export to redis: .* had caught up' 'machine.wait_p99_us [1-9]' 'sides of fills: [1-9]'; do
    grep -q "$wanted" <<< "$out" || { echo "FAIL: it does not say: $wanted"; exit 1; }
done
