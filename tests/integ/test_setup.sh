#!/usr/bin/env bash
# scripts/setup: --check changes nothing, a second run does nothing and says nothing, and only a package that the build
# needs makes it fail.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${WB_TMP:-$(mktemp -d)}

fail() { echo "FAIL: $*"; exit 1; }
huge_pages() { cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 2> /dev/null || echo none; }

before=$(huge_pages)
out=$(scripts/setup --check 2> "$work/stderr") || fail "--check fails here: $(cat "$work/stderr")"
[[ $out == packages:*" installed"* ]] || fail "--check does not report packages: $out"
[ "$(huge_pages)" = "$before" ] || fail "--check changed the huge pages"

# A thing to do twice is done once. What it cannot do here may stand on stderr, each line with its remedy.
scripts/setup > /dev/null 2>&1 || fail "scripts/setup fails"
began=$(date +%s%N)
out=$(scripts/setup 2> "$work/stderr") || fail "the second scripts/setup fails"
took_ms=$((($(date +%s%N) - began) / 1000000))
[ -z "$out" ] || fail "the second run still does something: $out"
[ $took_ms -lt 1000 ] || fail "the second run takes $took_ms ms"
! grep -v -e remedy -e 'will be used' "$work/stderr" || fail "a complaint without a remedy"

# A reservation above the target is somebody else's and stays.
pages=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
now=$(huge_pages)
if [ -w $pages ] && [ "$now" -ge 512 ]; then
    trap 'echo "$now" > $pages' EXIT
    echo $((now + 3)) > $pages
    more=$(huge_pages)
    scripts/setup 2> /dev/null
    [ "$(huge_pages)" = "$more" ] || fail "lowered a reservation from $more to $(huge_pages)"
    echo "$now" > $pages
fi

# A list with a package that does not exist; never as root, so that apt is not asked, and in a place that nobody can read.
copy=$(mktemp -d /tmp/wirebook-setup.XXXXXX)
trap 'rm -rf "$copy"' EXIT
cp scripts/setup scripts/packages.txt "$copy"
chmod 755 "$copy"
as_user=()
[ "$(id -u)" != 0 ] || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups --)

echo 'no-such-package demo # planted' >> "$copy/packages.txt"
"${as_user[@]}" "$copy/setup" 2> "$work/stderr" || fail "a package for the demo alone makes setup fail"
grep -q 'no-such-package.*remedy: sudo' "$work/stderr" || fail "does not say what is missing"
echo 'no-such-thing build # planted' >> "$copy/packages.txt"
! "${as_user[@]}" "$copy/setup" 2> "$work/stderr" || fail "a missing build package is not an error"
grep -q 'no-such-package no-such-thing.*remedy: sudo' "$work/stderr" || fail "does not say what is missing"

echo "setup checks, repeats and complains as it should"
