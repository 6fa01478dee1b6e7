#!/bin/bash
# The Debian package: what is in it, its unit, man pages, completion. With WB_FULL=1 it is also installed, upgraded and
# purged in a fresh Debian, whose own systemd runs the service in its sandbox (needs root and the package mirror).
set -u
bin=${WB_BIN:-build/bin}
tmp=${WB_TMP:-$(mktemp -d /var/tmp/wb-package-XXXXXX)}
mkdir -p "$tmp"
root=$tmp/root
failed=0

check() { # what, condition as a command
    local what=$1
    shift
    if "$@" > "$tmp/out" 2>&1; then
        echo "ok   $what"
    else
        echo "FAIL $what"
        cat "$tmp/out"
        failed=1
    fi
}
silent() { # a command that must succeed without a word
    local said
    said=$("$@" 2>&1) && [ -z "$said" ] && return
    echo "$said"
    return 1
}
hasnt() { ! grep -rqF -- "$1" "$2"; }
has() { grep -qE -- "$1" "$2"; }

deb=$(WB_BIN=$bin scripts/deb "$tmp") || { echo "FAIL scripts/deb"; exit 1; }
dpkg -x "$deb" "$root" && dpkg -e "$deb" "$root/DEBIAN"
unit=$root/lib/systemd/system/wirebook.service

check "its checksums hold" sh -c "cd '$root' && md5sum --quiet -c DEBIAN/md5sums"
check "it needs what its programs link to" has 'libmicrohttpd12.*libpq5.*librte-eal23.*liburing2.*librte-mempool-ring23' "$root/DEBIAN/control"
check "all of /etc is the operator's" test "$(cat "$root/DEBIAN/conffiles")" = "$(cd "$root" && find etc -type f -printf '/%p\n' | sort)"
check "no published account comes with it" hasnt ALFA01 "$root/etc"
check "the programs run" "$root/usr/bin/wirebook" --version
sed "s#: /etc/wirebook#: $root/etc/wirebook#; s#/var/lib/wirebook#$tmp/state#" "$root/etc/wirebook/wirebook.yaml" > "$tmp/installed.yaml"
check "its config is good" "$root/usr/bin/wirebook" --check-config "$tmp/installed.yaml"
check "the web console comes with it" test -s "$root/usr/share/wirebook/console/console.js"
check "its scripts are clean" shellcheck "$root"/DEBIAN/p* scripts/archive scripts/deb scripts/console scripts/man scripts/tune

upgrade() { # of an operator who has his accounts elsewhere: dpkg does not bring the file back that he has removed
    local tool
    mkdir -p "$tmp/stubs"
    for tool in getent useradd systemctl deb-systemd-helper deb-systemd-invoke; do ln -sf /bin/true "$tmp/stubs/$tool"; done
    PATH=$tmp/stubs:$PATH unshare -rm sh -c 'mount -t tmpfs none /etc && mkdir /etc/wirebook &&
        echo wirebook:x:990: > /etc/group && exec "$0" configure 0.0.1' "$root/DEBIAN/postinst"
}
check "it upgrades where accounts.csv is gone" upgrade

certify() { # until it listens; nobody comes, so nobody has passed: exit code 1
    WB_BIN=$root/usr/bin "$root/usr/lib/wirebook/certify" "$root/usr/share/wirebook/certification.yaml" --port $((20000 + RANDOM % 10000)) \
        --accounts "$root/etc/wirebook/accounts.csv" --instruments "$root/etc/wirebook/instruments.csv" > "$tmp/certify" 2>&1 &
    for _ in $(seq 150); do
        grep -q '13 cases' "$tmp/certify" && break
        sleep 0.1
    done
    kill $!
    wait $!
    [ $? = 1 ] && has '13 cases' "$tmp/certify" || { cat "$tmp/certify"; return 1; }
}
check "it certifies clients" certify

# Verified with the programs where they now are; their man page is looked at below.
sed "s#=/usr/bin/#=$root/usr/bin/#" "$unit" > "$tmp/wirebook.service"
check "systemd has nothing to say about the unit" silent systemd-analyze verify --man=no "$tmp/wirebook.service"
check "the unit is exposed at most 4.0" systemd-analyze security --offline=yes --threshold=40 --no-pager "$unit"
mkdir -p "$tmp/with/wirebook.service.d" && cp "$tmp/wirebook.service" "$tmp/with" && cp config/systemd/dpdk.conf "$tmp/with/wirebook.service.d"
mkdir -p "$tmp/at/etc/systemd/system" && cp -r "$tmp"/with/* "$tmp/at/etc/systemd/system"
check "... nor with the drop-in for DPDK more" systemd-analyze security --offline=yes --root="$tmp/at" --threshold=40 --no-pager wirebook.service
check "nor about the drop-in for DPDK" silent systemd-analyze verify --man=no "$tmp/with/wirebook.service"

# Every program that is built comes with it, with its page and its completion.
programs=$(cd "$bin" && find . -maxdepth 1 -name 'wirebook*' -printf '%f\n' | sort)
check "all programs are in it" test "$(cd "$root/usr/bin" && find . -type f -printf '%f\n' | sort)" = "$programs"
check "... with their completion" test "$(cd "$root/usr/share/bash-completion/completions" && find . ! -type d -printf '%f\n' | sort)" = "$programs"
for p in $programs; do
    check "man page of $p" silent mandoc -T lint -W warning <(zcat "$root/usr/share/man/man1/$p.1.gz")
    check "... with every option" sh -c "for o in \$($bin/$p --help | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
        zcat $root/usr/share/man/man1/$p.1.gz | sed 's/\\\\-/-/g' | grep -qF -- \"\$o\" || { echo \$o; exit 1; }; done"
done

complete_line() { # words; the last one is completed
    PATH=$root/usr/bin:$PATH bash --norc -c '
        . "$0" && COMP_WORDS=("$@") && COMP_CWORD=$(($# - 1)) && _wirebook && printf "%s\n" "${COMPREPLY[@]}"' \
        "$root/usr/share/bash-completion/completions/wirebook" "$@"
}
check "options are completed" test "$(complete_line wirebook --check)" = --check-config
check "... and only those of that program" test -z "$(complete_line wirebook --vdev)"
check "commands of the journal tool are completed" test "$(complete_line wirebook-journal pr)" = print
check "commands of operators are completed" test "$(complete_line wirebook-ctl --reason x sna)" = snapshot
for verb in $("$bin/wirebook-ctl" --help | sed -n '/^Looking/,/^Options/s/^  \([a-z][a-z-]*\) .*/\1/p'); do
    check "... $verb" grep -qx "$verb" <(complete_line wirebook-ctl "$verb")
done
check "... and their words" test "$(complete_line wirebook-ctl kill '' | sort | tr '\n' ' ')" = 'firm user venue '
check "... and values" test "$(complete_line wirebook-ctl instrument X t | sort | tr '\n' ' ')" = 'tick= tier= '
check "... and no commands again" test -z "$(complete_line wirebook-ctl halt snap)"
check "files are completed" test "$(complete_line wirebook --check-config "$root/etc/wirebook/wire")" = "$root/etc/wirebook/wirebook.yaml"

# scripts/tune on a machine that is made of files
machine=$tmp/machine
put() { mkdir -p "$(dirname "$machine$1")" && echo "$2" > "$machine$1"; }
put /proc/cmdline 'quiet isolcpus=managed_irq,domain,2-3 nohz_full=2-3 rcu_nocbs=2'
put /sys/devices/system/cpu/online 0-3
put /proc/irq/24/smp_affinity_list 0-3
put /proc/irq/25/smp_affinity_list 0
put /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor powersave
put /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 0
put /sys/kernel/mm/transparent_hugepage/enabled '[always] madvise never'
put /proc/sys/vm/swappiness 60
put /sys/devices/system/clocksource/clocksource0/current_clocksource acpi_pm
put /sys/devices/system/clocksource/clocksource0/available_clocksource 'tsc hpet acpi_pm '
tune() { TUNE_ROOT=$machine scripts/tune "$@" > "$tmp/tune" 2>&1; }
tune --cores 2-3
check "tune: something is wanted" test $? = 1
check "tune: isolated cores are seen" has '^ok +isolcpus +2-3' "$tmp/tune"
check "tune: a core that is missing is named" has '^WANT +rcu_nocbs +cores 3 are not in it' "$tmp/tune"
check "tune: an interrupt on a hot core is named" has '^WANT +interrupts +24 may' "$tmp/tune"
check "tune: governor, THP, clock" test "$(grep -cE '^WANT +(governor|thp|clock_source|huge_pages|swappiness) ' "$tmp/tune")" = 5
tune --cores 2-3 --apply
check "tune: moves it" test "$(cat "$machine/proc/irq/24/smp_affinity_list")" = 0,1
check "tune: sets the rest" test "$(grep -cE '^set +(interrupts|governor|thp|clock_source|huge_pages|swappiness) ' "$tmp/tune")" = 6
tune --cores 2-3
check "tune: and finds it set" test "$(grep -cE '^ok +(interrupts|governor|thp|clock_source|huge_pages|swappiness) ' "$tmp/tune")" = 6
tune --cores 2-x
check "tune: a list that makes no sense" test $? = 2

[ "${WB_FULL-}" != 1 ] || . tests/integ/package_full.sh
exit $failed
