#!/bin/bash
# wirebook-journal on journals of the real venue: print, verify, beside it and after a kill, and damage of many kinds.
set -u
what=journal
. tests/lib/venue.sh

trades() { orders 'buy 100 AAPL 225.25' 'buy 300 MSFT 410' 'sell 60 AAPL 225.25' 'buy 10 AAPL 220' 'cancel last'; }
verify() { # directory; output to $tmp/out, exit code to $rc
    "$bin/wirebook-journal" verify "$1" > "$tmp/out" 2>&1
    rc=$?
}
copy() {
    rm -rf "$tmp/copy"
    cp -r --sparse=always "$dir" "$tmp/copy"
}
first=0000000000000001.journal

dev_config
venue_start
trades || { echo "FAIL orders"; cat "$tmp/venue.log" "$tmp/client.log"; exit 1; }

"$bin/wirebook-journal" print "$dir" > "$tmp/print" 2>&1
check "print beside the running venue" is $? 0
journal=$(sed -nE 's/.*EV_STARTED.* journal_id=([0-9a-f]{16}).*/\1/p' "$tmp/print")
check "  says which journal it is" hasnt 'journal_id=0000000000000000' "$tmp/print"
check "  says the epoch" has '^# epoch 1' "$tmp/print"
check "  commands at the margin" has '^seq=1 .*type=CMD_START' "$tmp/print"
check "  events behind it" has '^  seq=1 .*type=EV_STARTED' "$tmp/print"
check "  fills of an order" has '^  .*type=EV_EXECUTED' "$tmp/print"
"$bin/wirebook-journal" print --from 3 --to 4 "$dir" > "$tmp/print" 2>&1
check "print of a range" is "$(grep -oE '^ *seq=[0-9]+' "$tmp/print" | tr -d ' ' | sort -u | tr '\n' ' ')" "seq=3 seq=4 "
"$bin/wirebook-journal" print "$dir" > /dev/full 2> "$tmp/out"
check "print onto a full disk is code 1" is $? 1
check "  and said" has 'No space left' "$tmp/out"
"$bin/wirebook-journal" print --from 1000000 "$dir" > "$tmp/print" 2>&1
check "print behind the end prints nothing" is "$?:$(cat "$tmp/print")" "0:"

"$bin/wirebook" "$tmp/venue.yaml" > "$tmp/second.log" 2>&1
check "a second venue on the directory ends with code 12" is $? 12

venue_end KILL
verify "$dir"
check "verify after a kill" is $rc 0
check "  runs every command again" has 'verified: .*same events again' "$tmp/out"
check "  prints the hash" has '^state hash +[0-9a-f]{16}$' "$tmp/out"
hash=$(grep 'state hash' "$tmp/out")
last=$(grep -oE 'last [0-9]+' "$tmp/out")
verify "$dir"
check "verify changes nothing" is "$(grep 'state hash' "$tmp/out")/$(grep -oE 'last [0-9]+' "$tmp/out")" "$hash/$last"

venue_start
trades
venue_end TERM
verify "$dir"
check "verify after two lives" is $rc 0
check "  one journal, by the name of its first start" is "$(awk '/^journal/ {print $2}' "$tmp/out")" "$journal"
check "  two epochs" has '^epochs +2 \(highest 2\)' "$tmp/out"
blocks=$(awk '/^blocks/ {print $2}' "$tmp/out")

flip() { # file, offset
    printf '\xa5' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
copy
flip "$tmp/copy/$first" 5000
verify "$tmp/copy"
check "a flipped byte is damage" is $rc 1
check "  and its place is named" has "damaged: $tmp/copy/$first, offset 4096, block 2: checksum" "$tmp/out"
check "  and what to do" has 'restore the file' "$tmp/out"
"$bin/wirebook-journal" print "$tmp/copy" > "$tmp/print" 2>&1
check "  print ends with code 1" is $? 1
check "  it goes up to it and says so" has 'block 2: checksum' "$tmp/print"
check "  without what stands behind" hasnt 'CMD_ENTER' "$tmp/print"
sed "s#^data_dir:.*#data_dir: $tmp/copy#" "$tmp/venue.yaml" > "$tmp/damaged.yaml"
before=$(cksum "$tmp/copy"/*.journal)
"$bin/wirebook" "$tmp/damaged.yaml" > "$tmp/damaged.log" 2>&1
check "the venue refuses to start on it with code 10" is $? 10
check "  says where" has 'offset 4096, block 2' "$tmp/damaged.log"
check "  and touches nothing" is "$(cksum "$tmp/copy"/*.journal)" "$before"

copy
before=$(cd "$tmp/copy" && cksum ./*.journal durable.mark)
sed -e "s#^data_dir:.*#data_dir: $tmp/copy#" -e 's/^shard: 1/shard: 2/' "$tmp/venue.yaml" > "$tmp/other.yaml"
timeout 20 "$bin/wirebook" "$tmp/other.yaml" > "$tmp/damaged.log" 2>&1
check "a venue of another shard does not begin where this one stands: code 13" is $? 13
check "  says why" has 'is of shard 1, and this is shard 2' "$tmp/damaged.log"
check "  and touches nothing" is "$(cd "$tmp/copy" && cksum ./*.journal durable.mark)" "$before"
"$bin/wirebook-journal" verify --shard 2 "$tmp/copy" > "$tmp/out" 2>&1
check "verify as another shard's is code 1" is $? 1
check "  and why" has 'is of shard 1, and this is shard 2' "$tmp/out"

# One byte of an event is changed and all checksums behind it are made right again: only running the commands finds it.
copy
python3 - "$tmp/copy" << 'END'
import glob, struct, sys
table = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    table.append(n)
def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
prev, changed = 0, False
for name in sorted(glob.glob(sys.argv[1] + "/*.journal")):
    with open(name, "r+b") as f:
        at = 0
        while (block := bytearray(f.read(4096))) and block[0:4] == b"WBJL":
            for slot in range(64, 64 * (1 + block[10]), 64):
                if block[slot] == 0xA4 and not changed:  # EV_EXECUTED: the price
                    block[slot + 56] ^= 1
                    changed = True
            block[12:16] = struct.pack("<I", prev)
            prev = crc32c(block[8:])
            block[4:8] = struct.pack("<I", prev)
            f.seek(at)
            f.write(block)
            at += 4096
assert changed
END
verify "$tmp/copy"
check "a changed fill with right sums is a difference" is $rc 1
check "  both versions are shown" test "$(grep -cE '^  (journal|again) .*EV_EXECUTED' "$tmp/out")" = 2
check "  and its block" has 'block [0-9]+: run again' "$tmp/out"

copy
dd if=/dev/zero of="$tmp/copy/$first" bs=4096 seek=1 count=1 conv=notrunc status=none
"$bin/wirebook-journal" print "$tmp/copy" > "$tmp/print" 2>&1
check "print ends at a block of zeros with code 1" is $? 1
check "  and says that it is damage" has "journal damaged: .*block 2: never written, but block [0-9]+ says" "$tmp/print"
"$bin/wirebook-journal" print --to 2 "$tmp/copy" > "$tmp/print" 2>&1
check "  what is wanted before it is no matter" is "$?:$(tail -1 "$tmp/print" | grep -oE '^ *seq=[0-9]+' | tr -d ' ')" "0:seq=2"

# The shard is what the journal says, not what is left of its first block.
for offset in 1 57; do
    copy
    flip "$tmp/copy/$first" $offset
    verify "$tmp/copy"
    check "a first block with its byte $offset flipped is damage" is $rc 1
    check "  and named" has "damaged: $tmp/copy/$first, offset 0, block 1: " "$tmp/out"
    "$bin/wirebook-journal" repair "$tmp/copy" > "$tmp/out" 2>&1
    check "  repair finds it, too" has "damaged +journal damaged: $tmp/copy/$first, offset 0" "$tmp/out"
done

copy
rm "$tmp/copy/$first"
verify "$tmp/copy"
check "a missing first segment is found" is $rc 1
check "  what is left is looked at" has '^blocks +[0-9]+, all whole, from segment 2 on' "$tmp/out"
check "  and what to do is said" has 'begins with segment 2: .*from the archive' "$tmp/out"
"$bin/wirebook-journal" print "$tmp/copy" > "$tmp/print" 2>&1
check "  print says from where on it can be read" is $? 1
from=$(sed -nE 's/.*oldest segment that is left: --from ([0-9]+)$/\1/p' "$tmp/print")
"$bin/wirebook-journal" print --from "${from:-0}" "$tmp/copy" > "$tmp/print" 2>&1
check "  and there it begins" is "$?:$(grep -oE '^seq=[0-9]+' "$tmp/print" | head -1)" "0:seq=$from"
"$bin/wirebook-journal" export --account ALFA01 "$tmp/copy" > "$tmp/print" 2>&1
check "  a name that is gone with it is not called unknown alone" is "$?:$(grep -c 'ask by number' "$tmp/print")" 1:1
"$bin/wirebook-journal" export --account '#1' "$tmp/copy" > "$tmp/print" 2>&1
check "  by its number the account is found" has EV_ACCEPTED "$tmp/print"
copy
truncate -s 1000000 "$tmp/copy/$first"
verify "$tmp/copy"
check "a segment cut short is found" is $rc 1
check "  and said" has 'not the length' "$tmp/out"
copy
second=$(ls "$tmp/copy" | grep journal | sed -n 2p)
mv "$tmp/copy/$second" "$tmp/copy/00000000000000ff.journal"
verify "$tmp/copy"
check "a renamed segment is found" is $rc 1
check "  the venue has written $blocks blocks" test "$blocks" -gt 4

# ---- the last block: nothing behind it in the journal speaks of it ----
wipe_last() { # zeros in the place of the copy's last block
    python3 - "$tmp/copy" << 'END'
import glob, sys
path, last = None, 0
for name in sorted(glob.glob(sys.argv[1] + "/*.journal")):
    data = open(name, "rb").read()
    written = [at for at in range(0, len(data), 4096) if data[at:at + 4] == b"WBJL"]
    if written:
        path, last = name, written[-1]
with open(path, "r+b") as f:
    f.seek(last)
    f.write(bytes(4096))
END
}
copy
wipe_last
verify "$tmp/copy"
check "a last block that is gone is damage" is $rc 1
check "  durable.mark misses it, block $blocks is named" has "offset [0-9]+, block $blocks: never written, but durable.mark says that transaction [0-9]+ was durable" "$tmp/out"
"$bin/wirebook" "$tmp/damaged.yaml" > "$tmp/damaged.log" 2>&1
check "  the venue refuses to start, code 10" is $? 10
check "  and says what to do" has 'durable.mark says.*restore the file from a copy, or see wirebook-journal repair' "$tmp/damaged.log"
"$bin/wirebook-journal" repair --yes --reason 'bad disk' "$tmp/copy" > "$tmp/out" 2>&1
check "  repair gives it up: code 0" is $? 0
check "  and says what" has '^cut +nothing, and transactions [0-9]+ to [0-9]+ are given up' "$tmp/out"
check "  the mark that said so is kept" test -e "$tmp/copy/damaged.1/durable.mark"
verify "$tmp/copy"
check "  then the journal is whole" is $rc 0
copy
wipe_last
rm "$tmp/copy/durable.mark"
verify "$tmp/copy"
check "without its witness it looks like a torn tail" is $rc 0
copy
flip "$tmp/copy/durable.mark" 20
verify "$tmp/copy"
check "a damaged witness is no damage of the journal" is $rc 0
check "  and named" has 'durable.mark, offset 0: damaged: checksum' "$tmp/out"
copy
rm "$tmp/copy"/*.journal
verify "$tmp/copy"
check "a journal that is gone, its mark is not: damage" is $rc 1
check "  named" has 'block 1: not there, but durable.mark' "$tmp/out"

# ---- export ----
"$bin/wirebook-journal" export "$dir" > "$tmp/all.jsonl" 2> "$tmp/err"
check "export: code 0" is $? 0
check "  says nothing else" test ! -s "$tmp/err"
"$bin/wirebook-journal" export --format csv "$dir" > "$tmp/all.csv" 2>&1
"$bin/wirebook-journal" print "$dir" | grep -vc '^#' > "$tmp/count"
python3 - "$tmp" << 'END'
import csv, json, sys
def flat(o, prefix=""):
    out = {}
    for k, v in o.items():
        if isinstance(v, dict):
            out.update(flat(v, prefix + k + "."))
        else:
            out[prefix + k] = " ".join(v) if isinstance(v, list) else "" if v is None else str(v)
    return out
rows = [flat(json.loads(line)) for line in open(sys.argv[1] + "/all.jsonl", encoding="utf-8")]
table = list(csv.DictReader(open(sys.argv[1] + "/all.csv", newline="", encoding="utf-8")))
assert len(rows) == len(table) == int(open(sys.argv[1] + "/count").read()), (len(rows), len(table))
for a, b in zip(rows, table):
    assert a == {k: v for k, v in b.items() if v or k in a}, (a, b)
assert {"CMD_ENTER", "EV_ACCEPTED", "EV_EXECUTED", "CMD_START"} <= {r["type"] for r in rows}
assert any(r["type"] == "EV_EXECUTED" and r["symbol"] == "AAPL" and r["user"] == "ALFA01" and r["fields.price"] == "225.2500" for r in rows)
END
check "  both formats say the same of as many messages as print" is $? 0
"$bin/wirebook-journal" export --account alfa01 --instrument AAPL "$dir" > "$tmp/some.jsonl"
check "  by account and instrument" test "$(wc -l < "$tmp/some.jsonl")" -gt 5 -a "$(grep -c MSFT "$tmp/some.jsonl")" = 0
"$bin/wirebook-journal" export --account NOSUCH "$dir" > "$tmp/out" 2>&1
check "  an account that is not there is said" is $? 1
check "  by name" has 'no account NOSUCH' "$tmp/out"
"$bin/wirebook-journal" export --from 3 --to 4 --format csv --columns seq,type "$dir" > "$tmp/out"
check "  a range, some columns" is "$(head -1 "$tmp/out" | tr -d '\r') $(tail -1 "$tmp/out" | cut -d, -f1)" "seq,type 4"
"$bin/wirebook-journal" export --since 2100-01-01 "$dir" > "$tmp/out"
check "  nothing after the year 2100" test ! -s "$tmp/out"
"$bin/wirebook-journal" export "$dir" > /dev/full 2> "$tmp/out"
check "  a full disk is code 1" is $? 1
check "  and said" has 'No space left' "$tmp/out"
copy
flip "$tmp/copy/$first" 5000
"$bin/wirebook-journal" export "$tmp/copy" > "$tmp/some.jsonl" 2> "$tmp/out"
check "  damage ends it with code 1" is $? 1
check "  named, and nothing behind it shown" has 'ends here: .*offset 4096, block 2' "$tmp/out"
for bad in '--format xml' '--since yesterday' '--until 2026-13-01' '--account TOOLONG' '--columns a --format csv' '--columns seq' '--yes'; do
    # shellcheck disable=SC2086
    "$bin/wirebook-journal" export $bad "$dir" > "$tmp/out" 2>&1
    check "  export $bad: code 2" is $? 2
done

# ---- repair ----
"$bin/wirebook-journal" repair --yes "$dir" > "$tmp/out" 2>&1
check "repair wants a reason" is $? 2
copy
"$bin/wirebook-journal" repair --yes --reason test "$tmp/copy" > "$tmp/out" 2>&1
check "nothing to repair: code 0" is $? 0
check "  nothing is made" test ! -e "$tmp/copy/damaged.1"
flip "$tmp/copy/$first" 13000
before=$(cd "$tmp/copy" && cksum ./*.journal)
"$bin/wirebook-journal" repair "$tmp/copy" > "$tmp/out" 2>&1
check "repair without --yes: code 1" is $? 1
check "  it says what it would do" has 'would cut .*all from block 4' "$tmp/out"
check "  and does nothing" is "$(cd "$tmp/copy" && cksum ./*.journal)" "$before"
"$bin/wirebook-journal" repair --yes --reason 'bad disk' "$tmp/copy" > "$tmp/out" 2>&1
check "repair: code 0" is $? 0
check "  says what is lost" has 'lost +[0-9]+ transactions of them can be read' "$tmp/out"
check "  and verifies" has '^state hash +[0-9a-f]{16}$' "$tmp/out"
check "  the originals are there" is "$(cd "$tmp/copy/damaged.1" && cksum ./*.journal | grep -vcF -f <(echo "$before"))" 0
check "  and what was lost" has '"type":"EV_ACCEPTED"' "$tmp/copy/damaged.1/lost.jsonl"
verify "$tmp/copy"
check "  verify finds it whole" is $rc 0
"$bin/wirebook-journal" export "$tmp/copy" > "$tmp/out"
check "  who and why are in it" has '"type":"CMD_OPERATOR".*"reason":"bad disk".*"carries":\{"type":"CMD_NOTE","fields":\{"what":4[,}]' "$tmp/out"
dir_kept=$dir
sed "s#^data_dir:.*#data_dir: $tmp/copy#" "$tmp/venue.yaml" > "$tmp/repaired.yaml"
cp "$tmp/venue.yaml" "$tmp/venue.kept" && cp "$tmp/repaired.yaml" "$tmp/venue.yaml"
venue_start
trades
check "  a venue trades on from it" is $? 0
"$bin/wirebook-journal" repair --yes --reason test "$tmp/copy" > "$tmp/out" 2>&1
check "repair beside a venue is refused" is $? 1
check "  and says why" has 'stop the venue first' "$tmp/out"
venue_end TERM
verify "$tmp/copy"
check "  its journal is whole" is $rc 0
cp "$tmp/venue.kept" "$tmp/venue.yaml"
dir=$dir_kept
"$bin/wirebook-journal" repair --yes --reason test "$tmp/nowhere" > "$tmp/out" 2>&1
check "repair of no directory: code 1" is $? 1

# ---- a snapshot: the venue reads its own, the tool does not ----
dir=$tmp/snapped
dev_config -e '$a journal: {snapshot_transactions: 10}'
venue_start
trades
trades
check "a snapshot is made" wait_for 20 has 'snapshot of transaction ([89]|1[0-9])[0-9] written'
venue_end KILL
flip "$dir/$first" 5000
before=$(cd "$dir" && cksum ./*.journal ./*.snapshot)
"$bin/wirebook-journal" repair --yes --reason 'bad disk' "$dir" > "$tmp/out" 2>&1
check "damage before a snapshot is not cut: code 1" is $? 1
check "  and why" has 'the snapshot of transaction [0-9]+, .*start the venue' "$tmp/out"
check "  nothing is changed" is "$(cd "$dir" && cksum ./*.journal ./*.snapshot)" "$before"
venue_start
check "  the venue goes on from it" has 'goes on from the snapshot of transaction'
venue_end TERM
dir=$dir_kept

"$bin/wirebook-journal" verify "$tmp/nowhere" > "$tmp/out" 2>&1
check "no directory: code 1" is $? 1
check "  named" has "$tmp/nowhere.*No such file" "$tmp/out"
mkdir -p "$tmp/empty"
verify "$tmp/empty"
check "an empty directory is an empty journal" is $rc 0
"$bin/wirebook-journal" > "$tmp/out" 2>&1
check "no arguments: code 2" is $? 2
"$bin/wirebook-journal" frobnicate "$dir" > "$tmp/out" 2>&1
check "unknown verb: code 2" is $? 2
"$bin/wirebook-journal" print --from 0 "$dir" > "$tmp/out" 2>&1
check "a number out of range: code 2" is $? 2
"$bin/wirebook-journal" print --frmo 1 "$dir" > "$tmp/out" 2>&1
check "unknown option: code 2" is $? 2
"$bin/wirebook-journal" --help > "$tmp/out" 2>&1
check "help: code 0" is $? 0

finish
