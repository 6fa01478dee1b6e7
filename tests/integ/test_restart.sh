#!/bin/bash
# A venue that starts again under another config than before: what does not fit its journal is said in one line with the
# remedy, never as damage and never as an assertion.
set -u
what=restart
. tests/lib/venue.sh

cp config/instruments.csv config/accounts.csv "$tmp"
conf() { dev_config -e "s#config/\(.*\).csv#$tmp/\1.csv#" "$@"; }
refused() { # a start that must end by itself; its code to $rc
    timeout 30 "$bin/wirebook" "$tmp/venue.yaml" > "$tmp/venue.log" 2>&1
    rc=$?
}

conf
venue_start
orders 'buy 100 AAPL 220.25' 'buy 100 AAPL 220.26' 'buy 100 AAPL 220.27' || { echo "FAIL orders"; cat "$tmp/client.log"; }
venue_end

# ---- pools smaller than what the journal holds ----
conf -e 's/orders_max: .*/orders_max: 2/'
refused
check "fewer orders than are open: code 1" is $rc 1
check "  names the key and the least value" has 'engine.orders_max is 2, .*raise it to at least 3'
check "  does not call it damage" hasnt 'damaged|restore|empty one'
grep -vE '^[A-Z]' "$tmp/accounts.csv" > "$tmp/none.csv"
{ cat "$tmp/none.csv"; grep -E '^[A-Z]' "$tmp/accounts.csv" | head -n 1; } > "$tmp/one.csv"
conf -e 's/accounts_max: .*/accounts_max: 2/' -e "s#$tmp/accounts.csv#$tmp/one.csv#"
refused
check "fewer accounts than are known: code 1" is $rc 1
check "  names the key" has 'engine.accounts_max is 2, .*raise it to at least 3'
"$bin/wirebook-journal" verify "$tmp/journal" > "$tmp/venue.log" 2>&1
check "verify takes the sizes from the journal" has '^verified'
# ---- the files' new names and the journal's old ones together are too many ----
sed -e 's/^ALFA02,/NEWB02,/' -e 's/^BRAV01,/NEWB01,/' config/accounts.csv > "$tmp/accounts.csv"
conf -e 's/accounts_max: .*/accounts_max: 5/'
refused
check "old and new accounts do not fit: code 1" is $rc 1
check "  counts both and names the key" has 'engine.accounts_max is 5, but the journal knows 4 accounts .* adds 2: .* 6'
sed -e 's/^AAPL,/APPL,/' config/instruments.csv > "$tmp/instruments.csv"
known=$(grep -cE '^[A-Z]' config/instruments.csv)
conf -e "s/instruments_max: .*/instruments_max: $known/"
refused
check "old and new instruments do not fit: code 1" is $rc 1
check "  counts both and names the key" has "engine.instruments_max is $known, .* adds 1: .* $((known + 1))"
cp config/instruments.csv config/accounts.csv "$tmp"

conf
venue_start
check "as before: goes on with the open orders" has '3 open orders'
venue_end

# ---- what the engine refuses of the files, and a day that cannot open ----
sed -e 's/^\(AAPL\),[^,]*,/\1,0.005,/' config/instruments.csv > "$tmp/instruments.csv"
venue_start
check "a tick that does not fit is said" has 'instrument AAPL, line [0-9]+: .*tick 0.0050 .* goes on with tick 0.0100'
venue_end
cp config/instruments.csv "$tmp"
conf -e 's/day_end: .*/day_end: "00:00"/' -e 's#timezone: .*#timezone: Pacific/Kiritimati#'
venue_start
check "the day's end" has 'day: day=[0-9]+ state=ended'
venue_end
conf -e 's#timezone: .*#timezone: Pacific/Kiritimati#'
rm -rf "$tmp/journal"
venue_start # its date is one or two later than Pago Pago's
venue_end
conf -e 's/day_end: .*/day_end: "00:00"/' -e 's#timezone: .*#timezone: Pacific/Kiritimati#'
venue_start
venue_end
conf -e 's#timezone: .*#timezone: Pacific/Pago_Pago#'
venue_start
check "a date before the last day is said" has "machine's date is [0-9]+, before the last trading day [0-9]+"
check "  and no day is said to open" hasnt 'day: day=[0-9]+ state=open'
check "  and none is open" has 'day 0,'
venue_end

# ---- --check-config says all that is wrong at once ----
conf -e 's/accounts_max: .*/accounts_max: many/'
sed -i 's/^AAPL,0.01,/AAPL,none,/' "$tmp/instruments.csv"
"$bin/wirebook" --check-config "$tmp/venue.yaml" > "$tmp/venue.log" 2>&1
check "a wrong config: code 1" is $? 1
check "  what is wrong in it" has 'accounts_max: many'
check "  and in the file that it names" has 'instruments.csv:[0-9]+: .*none'
check "  counted together" has ': 2 errors'
cp config/instruments.csv "$tmp"
conf
"$bin/wirebook" --check-config "$tmp/venue.yaml" > "$tmp/venue.log" 2>&1
check "a right one: code 0" is $? 0
for more in "--check-config $tmp/venue.yaml more" "more --check-config $tmp/venue.yaml" "--version more" \
    "--print-config $tmp/venue.yaml more" "$tmp/venue.yaml more" "--version --help"; do
    timeout 10 "$bin/wirebook" $more > "$tmp/venue.log" 2>&1
    check "too much, $more: code 1" is $? 1
    check "  with usage" has 'wirebook \[CONFIG.yaml\]'
done

# ---- a machine's clock that is set: by a library that adds what a file says to CLOCK_REALTIME ----
cat > "$tmp/clock.c" << 'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *ts)
{
    static volatile signed char *seconds;
    if (!seconds)
        seconds = mmap(NULL, 1, PROT_READ, MAP_SHARED, open(getenv("WB_CLOCK"), O_RDONLY), 0);
    long rc = syscall(SYS_clock_gettime, id, ts);
    if (id == CLOCK_REALTIME)
        ts->tv_sec += *seconds;
    return (int)rc;
}
END
clock() { printf "$1" | dd of="$tmp/clock" bs=1 conv=notrunc status=none; }
gcc -shared -fPIC -o "$tmp/clock.so" "$tmp/clock.c" || failed=1
rm -rf "$tmp/journal"
conf
clock '\0'
export WB_CLOCK=$tmp/clock LD_PRELOAD=$tmp/clock.so
venue_start
unset LD_PRELOAD
check "a clock that is right is no matter" hasnt 'clock'
clock '\74'
wait_for 5 has 'clock was set'
check "a step is said" has "clock was set: it is now (59|60).[0-9]* s ahead of"
sleep 1.2
check "  once" is "$(grep -c 'clock was set' "$tmp/venue.log")" 1
venue_end
clock '\304'
export LD_PRELOAD=$tmp/clock.so
venue_start
unset LD_PRELOAD
check "a clock behind the journal is said at the start" has 'last transaction is [56][0-9].[0-9]* s ahead of the machine'
venue_end

finish
