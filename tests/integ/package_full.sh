# Sourced by test_package.sh under WB_FULL=1: a fresh Debian of its own, booted in a container without a network, whose
# systemd installs, runs, upgrades and purges the package. Uses: check, tmp, root, deb.
debian=$tmp/debian
mirror=${WB_MIRROR:-http://deb.debian.org/debian}
trap 'rm -rf --one-file-system "$debian"' EXIT

inside() { systemd-nspawn -q -D "$debian" --register=no --keep-unit --as-pid2 --pipe "$@" 2>> "$tmp/nspawn.log"; }

depends=$(sed -n 's/^Depends: //p' "$root/DEBIAN/control" | sed 's/ ([^)]*)//g; s/,//g')
# shellcheck disable=SC2086  # a list of packages
check "a fresh Debian" debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,init-system-helpers bookworm "$debian" "$mirror"
# shellcheck disable=SC2086
check "what the package needs is there" inside sh -c "apt-get -q -y install --no-install-recommends $depends librte-net-null23"

# The same package once more under a higher version.
cp -a "$root" "$tmp/newer" && sed -i 's/^Version: .*/&+1/' "$tmp/newer/DEBIAN/control"
dpkg-deb --root-owner-group --build "$tmp/newer" "$debian/root/newer.deb" > /dev/null
cp "$deb" "$debian/root/first.deb"

cat > "$debian/root/life.sh" << 'LIFE'
#!/bin/bash
# Runs inside: the life of the package. Each line of /root/result begins with ok or FAIL.
say() { local what=$1; shift; if "$@" > /root/out 2>&1; then echo "ok   $what"; else echo "FAIL $what"; cat /root/out; fi; }
ready() { for _ in $(seq 100); do curl -fs localhost:9001/readyz && return; sleep 0.2; done; systemctl status wirebook; journalctl -u wirebook; return 1; }
is() { [ "$1" = "$2" ] || { echo "$1, not $2"; return 1; }; }
main_pid() { systemctl show -p MainPID --value wirebook; }
say "installs" dpkg -i /root/first.deb
say "starts with its default config, in its sandbox" ready
say "runs as an account of its own" is "$(stat -c %U "/proc/$(main_pid)")" wirebook
say "operators reach it" is "$(wirebook-ctl status | sed -n 's/^phase *//p')" T
say "... those of its group" is "$(stat -c '%U:%G %a' /run/wirebook /run/wirebook/control.sock | tr '\n' ' ')" 'wirebook:wirebook 750 wirebook:wirebook 660 '
say "the journal is written" sh -c 'ls /var/lib/wirebook/journal/*.journal'
say "systemd knows that it is open" is "$(systemctl show -p StatusText --value wirebook)" open
say "uses io_uring and not a fallback" sh -c "! journalctl -u wirebook | grep -i 'io_uring.*cannot'"
kill -SEGV "$(main_pid)"; sleep 2.5
say "is started again after a crash" ready
before=$(main_pid)
echo '# kept' >> /etc/wirebook/wirebook.yaml
say "upgrades" sh -c 'DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /root/newer.deb'
say "an upgrade leaves the venue running" is "$(main_pid)" "$before"
say "... and the config as the operator had it" grep -q '^# kept' /etc/wirebook/wirebook.yaml
systemctl restart wirebook
say "the new version runs on the old journal" ready
groupadd desk
mkdir /etc/systemd/system/wirebook.service.d
printf '[Service]\nSupplementaryGroups=desk\n' > /etc/systemd/system/wirebook.service.d/desk.conf
sed -i 's/group: wirebook}/group: desk}/' /etc/wirebook/wirebook.yaml
systemctl daemon-reload && systemctl restart wirebook
say "control.group may be another one" is "$(stat -c %G /run/wirebook/control.sock)" desk
sed -i 's/group: desk}/group: wirebook}/' /etc/wirebook/wirebook.yaml
rm /etc/systemd/system/wirebook.service.d/desk.conf
cp /usr/share/doc/wirebook/examples/dpdk.conf /etc/systemd/system/wirebook.service.d/
cp /etc/wirebook/wirebook.yaml /root/sockets.yaml
sed -i -e '/^gateway:/,/^$/d' -e '$a gateway: {transport: dpdk, listen: [{port: 9000}]}' \
    -e '$a dpdk: {ports: [{device: "net_null0,no-rx=1", ipv4: 10.213.0.1}]}' \
    -e '$a memory: {huge_pages: off}' /etc/wirebook/wirebook.yaml
systemctl daemon-reload && systemctl restart wirebook
say "past the kernel with the drop-in, on the same journal" ready
say "... and the operators' group reaches it" is "$(stat -c '%U:%G %a' /run/wirebook /run/wirebook/control.sock | tr '\n' ' ')" 'root:wirebook 750 root:wirebook 660 '
systemctl stop wirebook && rm -r /etc/systemd/system/wirebook.service.d && cp /root/sockets.yaml /etc/wirebook/wirebook.yaml
systemctl daemon-reload && systemctl start wirebook
say "and back to sockets, unprivileged" ready
echo 'shard: nonsense' > /etc/wirebook/wirebook.yaml
systemctl restart wirebook
say "a wrong config stops it, and is not tried for ever" is "$(sleep 3; systemctl is-active wirebook)" failed
say "removes" dpkg -r wirebook
say "... and leaves the config" test -e /etc/wirebook/accounts.csv
say "purges" dpkg -P wirebook
say "... but never the journal" sh -c 'ls /var/lib/wirebook/journal/*.journal'
say "nothing else is left" is "$(ls -d /etc/wirebook /usr/bin/wirebook* /lib/systemd/system/wirebook* /etc/systemd/system/*/wirebook* /etc/systemd/system/wirebook* 2> /dev/null)" ''
LIFE
cat > "$debian/etc/systemd/system/life.service" << 'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /root/life.sh
ExecStopPost=/usr/bin/systemctl poweroff --no-block
StandardOutput=file:/root/result
[Install]
WantedBy=default.target
UNIT
inside systemctl -q enable life.service
check "the Debian boots and ends" timeout 240 systemd-nspawn -q -D "$debian" --register=no --keep-unit --private-network \
    --bind-ro=/sys/module --system-call-filter='@known' -b
check "its life was lived" grep -q 'nothing else is left' "$debian/root/result"
cat "$debian/root/result"
! grep -q ^FAIL "$debian/root/result" || failed=1
