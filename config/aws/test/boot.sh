#!/bin/bash
# The scripts of user-data.yaml before an AWS and a machine that are played: takes volume and interface from whoever has them, never makes
# a file system over anything, hands the interface to DPDK, takes config as a whole or not at all, tries again what fails.
#
#   test/boot.sh DIR     DIR has them as wirebook-*.sh
set -uo pipefail
scripts=$1
failed=0
export W PATH

check() { # what, condition as a command
    local what=$1
    shift
    if "$@"; then echo "ok   $what"; else echo "FAIL $what"; failed=1; tail -n 5 "$W/out" "$W/said"; fi
}
did() { grep -qE -- "$1" "$W/said"; }
didnt() { ! did "$1"; }
play() { # name of a command, its body
    printf '#!/bin/bash\necho "%s $*" >> "$W/said"\n%s\n' "$1" "$2" > "$W/bin/$1"
    chmod 755 "$W/bin/$1"
}

machine() { # a fresh one; nobody holds anything, the volume is empty
    W=$(mktemp -d) && rm -rf "${before-/nonexistent}" && before=$W
    mkdir -p "$W"/{bin,etc/wirebook,sys/class/net/eth1,sys/bus/pci/{devices/0000:00:06.0,drivers/igb_uio,drivers/vfio-pci,drivers/ena},bucket/shard-7,var/lib}
    : > "$W/said"
    echo free > "$W/volume" && echo free > "$W/interface"
    head -c 2097152 /dev/zero > "$W/disk"
    printf 'SHARD=7\nREGION=r\nVOLUME=vol-0abc\nINTERFACE=eni-1\nDATABASE=db\nDATABASE_SECRET=ds\nREDIS=re\nREDIS_SECRET=rs\nCONFIG=s3://b/c\nPACKAGE=s3://b/wb.deb\nTRANSPORT=%s\n' \
        "${1-sockets}" > "$W/etc/wirebook/shard.env"
    echo 02:00:00:00:00:07 > "$W/sys/class/net/eth1/address"
    ln -s ../../../bus/pci/devices/0000:00:06.0 "$W/sys/class/net/eth1/device"
    ln -s ../../drivers/ena "$W/sys/bus/pci/devices/0000:00:06.0/driver"
    PATH=$W/bin:${PATH#*/bin:}
    play curl 'case "$*" in *instance-id) echo i-me ;; *) echo token ;; esac'
    # Somebody else holds it until he has been asked about as often as the number in the file says.
    play aws '
held() { [ "$(cat "$W/$1")" = free ] || return 1; }
who() { local f=$W/$1 n; read -r name n < "$f"; echo "$name"; [ -z "${n-}" ] || { [ "$n" -gt 1 ] && echo "$name $((n - 1))" > "$f" || echo free > "$f"; }; }
case "$*" in
*attach-volume*) held volume && echo i-me > "$W/volume" ;;
*attach-network-interface*) held interface && echo i-me > "$W/interface" ;;
*describe-volumes*) who volume ;;
*describe-network-interfaces*MacAddress*) echo 02:00:00:00:00:07 ;;
*describe-network-interfaces*) who interface ;;
*get-secret-value*ds*) [ ! -e "$W/no-ds" ] && echo "{\"username\": \"wirebook_export\", \"password\": \"a:b\\\\c\"}" ;;
*get-secret-value*rs*) [ ! -e "$W/no-rs" ] && echo token64 ;;
*"s3 cp"*) cp "$W"/bucket/shard-7/* "${@: -1}" ;;
*) exit 1 ;;
esac'
    play lsblk '[ "$(cat "$W/volume")" != i-me ] || echo "disk vol0abc"'
    play blkid 'cat "$W/signature" 2> /dev/null'
    play ip '' && play mkfs.xfs '' && play mount '' && play chown '' && play mountpoint 'exit 1'
    play sleep 'n=$(($(cat "$W/slept" 2> /dev/null || echo 0) + 1)); echo $n > "$W/slept"; [ $n -lt 500 ]'
    play modprobe '[ "$1" = "$(cat "$W/has" 2> /dev/null)" ] || [ "$1" = vfio-pci ]'
    play wirebook '[ -f "$2" ] && ! grep -q nonsense "$2" && cp "$2" "$W/checked.yaml"'
}
run() { # script
    sed -e "s#/etc/wirebook#$W/etc/wirebook#g; s#/sys/#$W/sys/#g; s#/var/lib/wirebook#$W/var/lib/wirebook#g; s#/usr/local/sbin/##g; s#/etc/chrony#$W/etc/chrony#g; s#/dev/ptp0#$W/dev/ptp0#g; s#/tmp/aws/install#$W/cli#; s#\"/dev/\" \\\$1#\"$W/\" \$1#" \
        "$scripts/$1.sh" > "$W/script"
    timeout 20 bash "$W/script" > "$W/out" 2>&1
}
# What the kernel does when a device is given to another driver, for a script that only writes files.
bind() {
    while [ ! -s "$W/sys/bus/pci/drivers_probe" ]; do command sleep 0.02; done
    local pci
    pci=$(cat "$W/sys/bus/pci/drivers_probe")
    ln -s . "$W/sys/bus/pci/drivers/$(cat "$W/sys/bus/pci/devices/$pci/driver_override")/$pci"
}

machine
run wirebook-attach
check "a new volume: attached, made, mounted" test "$?" = 0
check "... in this order" test "$(grep -oE '^(aws ec2 attach-volume|aws ec2 attach-network|mkfs.xfs|mount )' "$W/said" | tr '\n' ,)" = \
    'aws ec2 attach-volume,aws ec2 attach-network,mkfs.xfs,mount ,'
check "... as the venue's" did '^chown wirebook:wirebook .*/var/lib/wirebook$'

machine
echo xfs > "$W/signature"
run wirebook-attach
check "a volume with a file system is mounted as it is" didnt mkfs
check "... and is mounted" did '^mount -o noatime'

machine
printf 'WBJ' | dd of="$W/disk" bs=1 seek=4096 conv=notrunc status=none
run wirebook-attach
check "a volume with anything on it is not made anew" didnt mkfs

machine
echo "i-old 3" > "$W/volume" && echo "i-old 2" > "$W/interface"
run wirebook-attach
check "who comes while the old one holds them waits, and has both then" test "$(cat "$W/volume" "$W/interface" | tr '\n' ,)" = i-me,i-me,
check "... and never takes them by force" didnt 'detach|--force'
check "nothing is mounted before" test "$(grep -nE '^mount ' "$W/said" | cut -d : -f 1)" -gt "$(grep -n 'attach-network' "$W/said" | tail -1 | cut -d : -f 1)"

machine
echo i-me > "$W/volume" && echo i-me > "$W/interface" && echo xfs > "$W/signature"
run wirebook-attach
check "after a boot, what it has already is enough" test "$?" = 0

machine
play lsblk ''
run wirebook-attach
check "a volume that does not appear ends it" test "$?" = 1
check "... by name" grep -q 'vol-0abc has not appeared' "$W/out"
check "... without a mount" didnt '^mount '

machine dpdk
echo igb_uio > "$W/has" && echo xfs > "$W/signature"
bind &
run wirebook-attach
check "past the kernel: the interface is bound to igb_uio" grep -q 'eni-1 is 0000:00:06.0, driven by igb_uio' "$W/out"
check "... out of ena's hands" test "$(cat "$W/sys/bus/pci/drivers/ena/unbind")" = 0000:00:06.0
machine dpdk
echo xfs > "$W/signature"
bind &
run wirebook-attach
check "... or to vfio-pci where there is no other" grep -q 'driven by vfio-pci' "$W/out"
machine dpdk
run wirebook-attach
check "an interface that cannot be bound ends it, with nothing mounted" sh -c "grep -q 'cannot be bound' '$W/out' && ! grep -q '^mount ' '$W/said'"
kill %% 2> /dev/null

machine
printf 'reference: {accounts_file: %s/etc/wirebook/accounts.csv}\nexport: {postgres: {password_file: %s/etc/wirebook/pgpass}}\n' "$W" "$W" > "$W/bucket/shard-7/wirebook.yaml"
echo 'user,hash' > "$W/bucket/shard-7/accounts.csv"
echo old > "$W/etc/wirebook/accounts.csv"
run wirebook-config
check "config is taken" test "$(cat "$W/etc/wirebook/accounts.csv")" = user,hash
check "... checked with its own files beside it" grep -qE "accounts_file: $W/etc/wirebook/new\..*/accounts.csv" "$W/checked.yaml"
check "... and those that are not of it where they are" grep -q "password_file: $W/etc/wirebook/pgpass" "$W/checked.yaml"
check "... for nobody else to read" test "$(stat -c %a "$W/etc/wirebook/accounts.csv")" = 640
check "nothing is left over" test "$(ls -A "$W/etc/wirebook" | tr '\n' ,)" = accounts.csv,shard.env,wirebook.yaml,
echo 'user,new' > "$W/bucket/shard-7/accounts.csv" && echo nonsense > "$W/bucket/shard-7/wirebook.yaml"
run wirebook-config
check "a wrong config is refused" test "$?" != 0
check "... as a whole" test "$(cat "$W/etc/wirebook/accounts.csv")" = user,hash
rm "$W/bucket/shard-7/wirebook.yaml"
run wirebook-config
check "a folder without one is refused" grep -q 'has no wirebook.yaml' "$W/out"

machine
run wirebook-secrets
check "secrets in files" test "$(cat "$W/etc/wirebook/redis")" = token64
check "... PostgreSQL's as libpq reads them" test "$(cat "$W/etc/wirebook/pgpass")" = 'db:5432:wirebook:wirebook_export:a\:b\\c'
check "... for the venue alone" test "$(stat -c %a "$W/etc/wirebook/pgpass" "$W/etc/wirebook/redis" | tr '\n' ,)" = 600,600,
check "... and on no command line" didnt 'token64|a:b'
touch "$W/no-rs" && echo older > "$W/etc/wirebook/redis" && rm "$W/etc/wirebook/pgpass"
run wirebook-secrets
check "a secret that cannot be had is an error" test "$?" = 1
check "... does not hold the other one up, and leaves what was" test "$(cut -c 1-3 "$W/etc/wirebook/pgpass" "$W/etc/wirebook/redis" | tr '\n' ,)" = db:,old,

# Each step fails so often, then does.
fails() { # name, times, body
    play "$1" "n=\$(cat \"\$W/$1.failed\" 2> /dev/null || echo 0); [ \$n -ge $2 ] || { echo \$((n + 1)) > \"\$W/$1.failed\"; exit 1; }
$3"
}
machine
for step in attach secrets config; do fails "wirebook-$step" 2 ''; done
run wirebook-begin
check "a start whose steps fail goes on until they do" test "$?" = 0
check "... each in its turn" test "$(grep -oE '^wirebook-[a-z]*' "$W/said" | tr '\n' ' ')" = \
    'wirebook-attach wirebook-attach wirebook-attach wirebook-secrets wirebook-secrets wirebook-secrets wirebook-config wirebook-config wirebook-config '

first_boot() { # what the image has
    machine "${1-sockets}"
    play dpkg "case \$1 in -s) grep -qx \"\$2\" \"\$W/image\" 2> /dev/null ;; esac"
    fails apt-get 3 '' && fails curl 2 ': > "${@: -1}"' && play unzip '' && play uname 'echo x86_64' && play systemctl '' && play update-grub '' && play install '' && play cp ''
    printf '#!/bin/bash\n' > "$W/cli" && chmod 755 "$W/cli"
}
first_boot
run wirebook-install
check "a first boot among failures ends with everything" test -e "$W/etc/wirebook/installed"
check "... a way in first" test "$(grep -nE '^systemctl enable --now amazon-ssm-agent' "$W/said" | cut -d : -f 1)" -lt "$(grep -n 'aws s3 cp' "$W/said" | head -n 1 | cut -d : -f 1)"
check "... the package only while its service is masked" test "$(grep -oE '^(systemctl (un)?mask|apt-get install -y /tmp/wirebook.deb)' "$W/said" | tr '\n' ,)" = \
    'systemctl mask,apt-get install -y /tmp/wirebook.deb,systemctl unmask,'
check "... tried again" test "$(grep -c 'again in 10 s' "$W/out")" -ge 4
first_boot
printf 'amazon-ssm-agent\namazon-cloudwatch-agent\n' > "$W/image"
run wirebook-install
check "an image that has the agents fetches nothing" test -e "$W/etc/wirebook/installed" -a "$(grep -c '^curl' "$W/said")" = 0
first_boot
play update-grub 'exit 1'
run wirebook-install
check "a first boot that does not get through is not taken for one that has: no reboot" test ! -e "$W/etc/wirebook/installed"

machine
mkdir -p "$W/etc/chrony/conf.d" "$W/dev"
run wirebook-phc
check "without a hardware clock chronyd is told of none: it would not start" test ! -e "$W/etc/chrony/conf.d/phc.conf"
touch "$W/dev/ptp0"
run wirebook-phc
check "... with one, of that" grep -q '^refclock PHC .*/dev/ptp0' "$W/etc/chrony/conf.d/phc.conf"
rm "$W/dev/ptp0"
run wirebook-phc
check "... and no longer when it is gone" test ! -e "$W/etc/chrony/conf.d/phc.conf"
rm -rf "$W"
exit $failed
