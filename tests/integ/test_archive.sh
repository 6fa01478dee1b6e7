#!/bin/bash
# A venue with an archive: full segments and days go into it while it trades, over its restarts and while the archive is
# away; the journal's directory is then lost, brought back from the archive, verified, and traded on. The same by the AWS
# command line, which stands here as a small program that does what S3 promises: never a second object of a name, never
# other bytes than the sum says.
set -u
what=archive
. tests/lib/venue.sh

# shellcheck disable=SC2317  # conditions are called by name
count() { find "$1" -name "$2" 2> /dev/null | wc -l; }
# shellcheck disable=SC2317
at_least() { [ "$(count "$1" "$2")" -ge "$3" ]; } # directory, pattern, how many
conf() { # time zone, archive
    dev_config -e "s#timezone: .*#timezone: $1#" -e "\$a journal: {segment_mb: 1, archive_to: '$2', archive_command: scripts/archive}"
}
trade() { # fills about two segments
    orders --timeout 30000 --script "$tmp/script" || { echo "FAIL trading"; tail -3 "$tmp/client.log"; failed=1; }
}
state() { "$bin/wirebook-journal" verify "$1" > "$tmp/verify" 2>&1 && awk '/state hash/ {print $3} /^transactions/ {print $4}' "$tmp/verify" | tr '\n' ' '; }
yes 'buy 100 AAPL 220 ioc' | head -15000 > "$tmp/script"

# ---- a directory, which is away at first ----
away=$tmp/archive
touch "$away" # a file: nothing can be put below it
conf Pacific/Pago_Pago "$away"
venue_start
trade
check "what cannot be archived is said" wait_for 20 has 'error archive: 0000000000000001.journal is not archived' "$tmp/venue.log"
rm "$away"
check "and archived once it can be" wait_for 30 at_least "$away" '*.journal' 2
check "which is said, too" wait_for 5 has 'archive: 0000000000000001.journal is archived, all is well again' "$tmp/venue.log"
venue_end KILL
conf Pacific/Kiritimati "$away" # a time zone in which it is another day: the day that is open ends
venue_start
check "the day that has ended has a manifest" wait_for 20 at_least "$away" '*.manifest' 1
check "  said in the log" wait_for 5 has 'archive: day [0-9]{8} is there, [0-9a-f]{64}  [0-9]{8}.manifest' "$tmp/venue.log"
check "  and a piece of the segment that was not full" at_least "$away" '*.journal.????????' 1
trade
check "the next day goes on" wait_for 20 at_least "$away" '*.journal' 5
venue_end TERM
in=$(dirname "$(find "$away" -name '*.manifest')")
check "sums agree" scripts/archive check "$in"
cp "$in"/*.manifest "$tmp/manifest"
check "the manifest names all that came before it" is "$(sed '1d;$d' "$tmp/manifest" | cut -c 67- | sort | tr '\n' ' ')" \
    "$(cd "$in" && find . -type f ! -newer "$(basename "$(ls ./*.manifest)")" ! -name '*.manifest' -printf '%P\n' | sort | tr '\n' ' ')"
# Any byte of a manifest may rot, it may have any length: never taken for whole. A small one, and steps unless WB_FULL says every byte.
mkdir -p "$tmp/small"
echo a segment > "$tmp/small/0000000000000001.journal"
line="# wirebook archive 1: shard 1, journal 0123456789abcdef, day 20261122, up to transaction 77, 1 files"
(cd "$tmp/small" && { echo "$line" && sha256sum 0000000000000001.journal && echo "$line"; } > 20261122.manifest)
check "a small archive is whole" scripts/archive check "$tmp/small"
python3 - "$tmp/small/20261122.manifest" << 'END' > "$tmp/out" 2>&1
import os, subprocess, sys
path = sys.argv[1]
whole = open(path, "rb").read()
sum_at = whole.index(b"\n") + 1
step = 1 if os.environ.get("WB_FULL") else 17
flips = [(at, 1 << at % 8) for at in range(0, len(whole), step)] + [(sum_at, 1 << bit) for bit in range(8)] + \
    [(sum_at, whole[sum_at] ^ ord("#")), (sum_at - 1, 1), (len(whole) - 1, 1)]
damaged = [bytearray(whole) for _ in flips]
for bad, (at, mask) in zip(damaged, flips):
    bad[at] ^= mask
damaged += [whole[:n] for n in range(0, len(whole), step)] + [whole[:sum_at], whole[:-1], whole + whole, whole + b"#\n"]
for bad in damaged:
    open(path, "wb").write(bad)
    done = subprocess.run(["scripts/archive", "check", os.path.dirname(path)], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "20261122.manifest" in done.stderr, (bad, done)
END
check "  no byte of its manifest can be another, none missing, and it is named" is $? 0
# The hook was killed when the new file was whole and had no name yet; the venue is not root.
install -d -o nobody "$tmp/killed" "$tmp/killed/j"
install -o nobody -m 444 /dev/null "$tmp/killed/j/.0000000000000001.journal.new"
chmod 755 "$tmp" && setpriv --reuid nobody --clear-groups scripts/archive put "$tmp/small" 0000000000000001.journal 10 "$tmp/killed" j/0000000000000001.journal > "$tmp/out" 2>&1
check "what a killed hook has left is in nobody's way" is "$?:$(cat "$tmp/killed/j/0000000000000001.journal")" "0:a segment"
check "nothing in it can be written" test -z "$(find "$away" -type f ! -name '.*.new' -perm /222)"

first=$(find "$away" -name 0000000000000001.journal)
scripts/archive put "$dir" 0000000000000002.journal 1048576 "$away" "$(basename "$in")/0000000000000001.journal" > "$tmp/out" 2>&1
check "a name is given once: code 3" is $? 3
check "  and what is there stays" cmp -s "$first" "$dir/0000000000000001.journal"
sum=$(scripts/archive put "$dir" 0000000000000001.journal 1048576 "$away" "$(basename "$in")/0000000000000001.journal")
mkdir -p "$tmp/bin" "$tmp/fresh"
# shellcheck disable=SC2016  # for the program that is written here
printf '#!/bin/sh\necho " $* " >> "%s"\nexec %s "$@"\n' "$tmp/synced" "$(command -v sync)" > "$tmp/bin/sync"
chmod 755 "$tmp/bin/sync"
PATH=$tmp/bin:$PATH scripts/archive put "$dir" 0000000000000001.journal 4096 "$tmp/fresh" j/a > "$tmp/null"
check "  and the name of the journal's directory in the archive is on stable storage, too" has " $tmp/fresh " "$tmp/synced"
check "the same again is well" is "$sum" "$(sha256sum < "$first" | cut -c 1-64)"

# ---- the directory is lost ----
before=$(state "$dir")
mv "$dir" "$tmp/lost"
mkdir -p "$away/lost+found" "$dir/lost+found" # each is a file system of its own
scripts/archive restore "$away" "$dir" 2> "$tmp/restore"
check "restore" is $? 0
after=$(state "$dir")
check "  a journal that verifies" test -n "$after"
segments=$(count "$dir" '*.journal')
same=0
for f in "$dir"/*.journal; do cmp -s "$f" "$tmp/lost/${f##*/}" && same=$((same + 1)); done
check "  all of it, but for what is archived in pieces" test "$same" -ge $((segments - 1))
echo "     was $before, is $after from $segments segments"
scripts/archive restore "$away" "$dir" > "$tmp/out" 2>&1
check "never over a journal" is $? 1
venue_start
trade
check "the venue trades on, and archives on" wait_for 20 at_least "$away" '*.journal' $((segments + 1))
venue_end TERM
check "  verified" test -n "$(state "$dir")"

cp -r "$in" "$tmp/bad"
chmod -R u+w "$tmp/bad"
printf '\x5a' | dd of="$tmp/bad/0000000000000001.journal" bs=1 seek=5000 conv=notrunc status=none
scripts/archive restore "$tmp/bad" "$tmp/never" > "$tmp/out" 2>&1
check "a damaged archive is not restored: code 1" is $? 1
check "  and the file is named" has '0000000000000001.journal: FAILED' "$tmp/out"

# ---- S3, by the AWS command line ----
mkdir -p "$tmp/path"
cat > "$tmp/path/aws" << 'END'
#!/usr/bin/env python3
"""The few commands of the AWS command line that scripts/archive uses, over a directory, with S3's promises."""
import base64, hashlib, os, shutil, sys
root = os.environ["FAKE_S3"]
words = sys.argv[1:]
def option(name):
    return words[words.index(name) + 1]
def path(bucket, key):
    return os.path.join(root, bucket, key)
def digest(name):
    with open(name, "rb") as file:
        return base64.b64encode(hashlib.sha256(file.read()).digest()).decode()
if words[:2] == ["s3api", "put-object"]:
    to = path(option("--bucket"), option("--key"))
    if option("--if-none-match") != "*" or option("--checksum-algorithm") != "SHA256":
        sys.exit("an object may be written over")
    if os.path.exists(to):
        sys.exit("An error occurred (PreconditionFailed) when calling the PutObject operation")
    if digest(option("--body")) != option("--checksum-sha256"):
        sys.exit("An error occurred (BadDigest) when calling the PutObject operation")
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.copyfile(option("--body"), to)
elif words[:2] == ["s3api", "head-object"]:
    print(digest(path(option("--bucket"), option("--key"))))
elif words[:2] == ["s3", "ls"]:
    for name in sorted(os.listdir(path("", words[2][5:]))):
        print(f"                           PRE {name}/" if os.path.isdir(path(words[2][5:], name)) else f"2026-11-22 1 {name}")
elif words[:2] == ["s3", "sync"]:
    shutil.copytree(path("", words[-2][5:]), words[-1], dirs_exist_ok=True)
else:
    sys.exit(f"unknown: {words}")
END
chmod +x "$tmp/path/aws"
export FAKE_S3=$tmp/s3 PATH=$tmp/path:$PATH
mkdir -p "$FAKE_S3"
rm -rf "$dir"
conf Pacific/Pago_Pago s3://wb/shard-1
venue_start
trade
check "s3: segments" wait_for 30 at_least "$FAKE_S3/wb/shard-1" '*.journal' 2
venue_end KILL
rm "$dir/archive.ledger" # what is noted nowhere is put again, and found there
conf Pacific/Kiritimati s3://wb/shard-1
venue_start
check "s3: a manifest" wait_for 30 at_least "$FAKE_S3/wb/shard-1" '*.manifest' 1
venue_end TERM
before=$(state "$dir")
rm -rf "$dir"
scripts/archive restore s3://wb/shard-1 "$dir" 2> "$tmp/restore"
check "s3: restore" is $? 0
check "s3: verified" test -n "$(state "$dir")"
echo "     was $before, is $(state "$dir")"

sed -i 's#archive_command: scripts/archive#archive_command: scripts/no-such#' "$tmp/venue.yaml"
"$bin/wirebook" --check-config "$tmp/venue.yaml" > "$tmp/out" 2>&1
check "a command that cannot be run is an error of the config" has 'journal.archive_command.*cannot be run: No such file' "$tmp/out"
sed -i 's#journal: {.*#journal: {keep_segments: 4}#' "$tmp/venue.yaml"
"$bin/wirebook" --check-config "$tmp/venue.yaml" > "$tmp/out" 2>&1
check "segments are not used again without an archive" has 'journal.keep_segments.*in an archive' "$tmp/out"

finish
