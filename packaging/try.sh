#!/usr/bin/env bash
# try.sh PACKAGES FOLDER: the packages in a fresh Debian 12: install, run, sync from a simulated gateway, upgrade in place, use the
# library, remove, purge; then nothing may be left. As root. FOLDER keeps the root that debootstrap made, for next time.
set -euo pipefail
packages=$(realpath "$1")
folder=$(realpath "$2")
[ "$(id -u)" -eq 0 ] || { echo "try.sh: run as root, it needs chroot" >&2; exit 1; }
base=$folder/debian-root.tar
root=$(mktemp -d /tmp/possync-root.XXXXXX)
chmod 755 "$root"  # it is the root folder of other users too
passed=0

mounted=()
started=()
finish() {
  local at
  for at in "${started[@]}"; do kill "$at" 2>/dev/null || true; done
  for at in "${mounted[@]}"; do umount -l "$at" 2>/dev/null || true; done
  # Never through a mount into this machine.
  if mount | grep -q " on $root/"; then echo "try.sh: $root is still mounted in, it stays" >&2; else rm -rf "$root"; fi
}
trap finish EXIT

fail() { printf 'try.sh: FAILED: %s\n' "$*" >&2; exit 1; }
passed() { passed=$((passed + 1)); printf '  ok  %s\n' "$*"; }
in_root=(chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
as_user=("${in_root[@]}" setpriv --reuid possync --regid possync --init-groups)  # each replaces the one before: $! is the last one's
inside() { "${in_root[@]}" "$@"; }
as_possync() { "${as_user[@]}" "$@"; }

if [ ! -f "$base" ]; then
  echo "== debootstrap bookworm (once)"
  debootstrap --variant=minbase bookworm "$root" >"$folder/debootstrap.log" 2>&1 || { tail -5 "$folder/debootstrap.log" >&2; fail debootstrap; }
  tar -C "$root" -cf "$base.new" . && mv "$base.new" "$base"
else
  tar -C "$root" -xf "$base"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
# Without devices and /proc much of Debian cannot be installed.
for device in null zero random urandom; do [ -e "$root/dev/$device" ] || cp -a "/dev/$device" "$root/dev/"; done
if mount -t proc proc "$root/proc" 2>/dev/null; then mounted+=("$root/proc"); fi
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"; chmod 755 "$root/usr/sbin/policy-rc.d"
# minbase leaves documentation out where the image says so; ours is part of the test.
rm -f "$root"/etc/dpkg/dpkg.cfg.d/*doc*
cp "$packages"/*.deb "$root/tmp/"

files_of_root() { (cd "$root" && find etc usr var/lib lib bin sbin home opt root srv -xdev 2>/dev/null | grep -v -E '^var/lib/(apt|dpkg)/|^var/lib/(apt|dpkg)$|__pycache__|^etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' | sort); }

echo "== installing what it depends on"
inside apt-get update -qq >"$folder/try.log" 2>&1 || { tail -5 "$folder/try.log"; fail "apt-get update"; }
inside apt-get install -y -qq --no-install-recommends man-db adduser tzdata ca-certificates >>"$folder/try.log" 2>&1 || { tail -5 "$folder/try.log"; fail "apt-get install man-db"; }
# The libraries first, without the packages under test: what is there before must be there after purging.
names_in() { for each in "$packages"/*.deb; do dpkg-deb -f "$each" "$1"; done | tr ',' '\n' | sed 's/(.*//; s/|.*//; s/ //g' | grep -v '^libpossync' | sort -u; }
depends=$(names_in Depends)
# shellcheck disable=SC2086
inside apt-get install -y -qq --no-install-recommends $depends >>"$folder/try.log" 2>&1 || { tail -5 "$folder/try.log"; fail "the packages depend on what Debian does not have"; }
# Recommended are the libraries that are loaded when needed: the packages are tried without them, and yet they must exist.
# shellcheck disable=SC2046
inside apt-get install -s -qq --no-install-recommends $(names_in Recommends) >>"$folder/try.log" 2>&1 || { tail -5 "$folder/try.log"; fail "the packages recommend what Debian does not have"; }
files_of_root >"$folder/try.before"

echo "== possync"
inside sh -c 'dpkg -i /tmp/possync_*.deb' >>"$folder/try.log" 2>&1 || { tail -5 "$folder/try.log"; fail "dpkg -i possync"; }
passed "installs with nothing but what it declares"
[ "$(inside possync --version)" = "possync $(dpkg-deb -f "$packages"/possync_*.deb Version | sed 's/-.*//')" ] || fail "--version"
passed "$(inside possync --version)"
inside getent passwd possync | grep -q ':/var/lib/possync:' || fail "no user possync"
[ "$(stat -c '%A' "$root/var/lib/possync")" = drwxr-x--- ] || fail "mode of /var/lib/possync"
passed "user and state directory are there, closed to others"
inside man possync 2>/dev/null | grep -q 'possync sync' || fail "man possync"
passed "man possync"
inside sh -c 'dpkg -V possync' || fail "dpkg -V finds changed files"
for file in usr/share/bash-completion/completions/possync usr/share/doc/possync/copyright usr/share/doc/possync/configuration.md \
            usr/share/doc/possync/examples/possync.toml usr/lib/systemd/system/possync.service; do
  [ -s "$root/$file" ] || fail "/$file is missing"
done
passed "completion, unit, example and documentation are where they belong"
if command -v systemd-analyze >/dev/null; then
  systemd-analyze verify --root="$root" possync.service >"$folder/try.verify" 2>&1 || true
  grep possync.service "$folder/try.verify" | grep -v -E "Command .*man |Unit .*not found|netlink" && fail "systemd-analyze verify" || true
  systemd-analyze security --offline=true --threshold=20 "$root/usr/lib/systemd/system/possync.service" >"$folder/try.security" 2>&1 ||
    { tail -1 "$folder/try.security"; fail "systemd-analyze security: exposure above 2.0"; }
  passed "systemd-analyze: $(tail -1 "$folder/try.security" | sed 's/^[^O]*//')"
fi

echo "== the service, as its user"
# By hand what the unit does: no service manager runs in a chroot.
"${as_user[@]}" possync simulate --port 0 --pace 0s --positions 7 >"$folder/try.simulator" 2>&1 &
simulator=$!
started+=("$simulator")
for _ in $(seq 100); do port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\),.*/\1/p' "$folder/try.simulator"); [ -n "$port" ] && break; sleep 0.1; done
[ -n "$port" ] || fail "the simulator did not start"
sed -i "s/^port = 4002 .*/port = $port/" "$root/etc/possync/possync.toml"
"${as_user[@]}" env POSSYNC_HTTP_LISTEN= possync run --config /etc/possync/possync.toml >"$folder/try.service" 2>&1 &
service=$!
started+=("$service")
end() { kill "$1" 2>/dev/null || true; wait "$1" 2>/dev/null || true; }
for _ in $(seq 100); do
  rows=$({ as_possync possync positions --csv 2>/dev/null || true; } | wc -l)
  [ "$rows" -eq 8 ] && break
  sleep 0.1
done
[ "$rows" -eq 8 ] || { tail -3 "$folder/try.service"; fail "seven positions were to be synced, the table has $rows lines"; }
passed "the service synced 7 positions into /var/lib/possync/possync.db"
[ "$(inside stat -c '%a %U' /var/lib/possync/possync.db)" = "600 possync" ] || fail "the database is $(inside stat -c '%a %U' /var/lib/possync/possync.db)"
passed "the database is its user's alone"
inside sh -c 'dpkg -i /tmp/possync_*.deb' >>"$folder/try.log" 2>&1 || fail "the same package again"
grep -q "^port = $port" "$root/etc/possync/possync.toml" || fail "an upgrade changed the configuration"
passed "installing it again keeps the configuration"
end "$service"
as_possync possync verify >/dev/null || fail "possync verify after the service was ended"
passed "SIGTERM ends it, the database verifies"
end "$simulator"

echo "== the library"
inside sh -c 'dpkg -i /tmp/libpossync0_*.deb /tmp/libpossync-dev_*.deb' >>"$folder/try.log" 2>&1 || { tail -5 "$folder/try.log"; fail "dpkg -i libpossync"; }
inside ldconfig -p | grep -q 'libpossync.so.0' || fail "libpossync.so.0 is not in the linker's cache"
[ -z "$(inside ldd /usr/lib/x86_64-linux-gnu/libpossync.so.0 2>/dev/null | grep 'not found' || true)" ] || fail "libpossync.so.0 misses a library"
for file in usr/include/possync/position_sync_service.hpp; do [ -s "$root/$file" ] || fail "/$file is missing"; done
passed "libpossync0 and libpossync-dev install and load"

echo "== removing and purging"
inside dpkg -r libpossync-dev libpossync0 possync >>"$folder/try.log" 2>&1 || fail "dpkg -r"
[ -s "$root/var/lib/possync/possync.db" ] && [ -s "$root/etc/possync/possync.toml" ] || fail "removing took the database or the configuration along"
passed "removing keeps database and configuration"
inside dpkg -P possync libpossync-dev libpossync0 >>"$folder/try.log" 2>&1 || { tail -3 "$folder/try.log"; fail "dpkg -P"; }
files_of_root >"$folder/try.after"
left=$(comm -13 "$folder/try.before" "$folder/try.after" | grep -v -E '^var/(cache|log)/|^etc/ld.so.cache' || true)
[ -z "$left" ] || fail "left after purging: $left"
gone=$(comm -23 "$folder/try.before" "$folder/try.after" || true)
[ -z "$gone" ] || fail "purging took along what was there before: $gone"
inside getent passwd possync >/dev/null && fail "the user possync is left" || true
inside getent group possync >/dev/null && fail "the group possync is left" || true
passed "purging leaves nothing and takes nothing else"
printf '== %d passed\n' "$passed"
