#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tools/fresh-machine.sh [--as root|sudo|user] [--keep] [COMMAND...]: do the commands of the README work for a stranger?
#
# Makes a bare Debian 12 (packages of priority "required" and apt, no lists of packages, no locale) in a temporary
# folder, puts a clean `git clone` of HEAD into it and runs the commands there, by default the two of the README.
#   --as root   as root, as in a container (the default)
#   --as sudo   as a user who may use sudo without a password
#   --as user   as a user without: the first start must fail and name the line to type; root types it; then all works
#   --keep      leave the folder behind and name it
# Needs root, git and mmdebstrap (or debootstrap); the sources, keys and proxies are those of this machine's apt.
# Prints the time each command took. Exit status: 0 when all of them succeeded.
set -u

say () { printf '== %s\n' "$*"; }
die () { printf 'fresh-machine: %s\n' "$*" >&2; exit 1; }

# The private mount namespace of the second run keeps /proc and friends away from the machine and ends with it.
if [ "${FRESH_MACHINE_INNER:-}" != yes ]; then
  [ "$(id -u)" = 0 ] || die "needs root"
  exec env FRESH_MACHINE_INNER=yes unshare --mount --propagation private "$0" "$@"
fi

as=root keep=
while [ $# -gt 0 ]; do
  case $1 in
    --as) as=${2:-}; shift ;;
    --keep) keep=yes ;;
    -*) die "no such option: $1" ;;
    *) break ;;
  esac
  shift
done
case $as in root|sudo|user) ;; *) die "--as wants root, sudo or user, not '$as'" ;; esac
[ $# -gt 0 ] || set -- \
  './impasto paint examples/harbour.jpg --style starry-night -o painting.png' \
  'make check'

source=$(cd "$(dirname "$0")/.." && pwd) || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/fresh-machine.XXXXXX") || exit 1
machine=$work/root
finish () {
  umount -R "$machine/proc" "$machine/sys" "$machine/dev" 2>/dev/null
  if [ -n "$keep" ]; then say "kept: $machine"; else rm -rf --one-file-system "$work"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

# The bare system. mmdebstrap reads this machine's sources of Debian; others (with keys of their own) stay out.
say "making a bare Debian 12 ($as)"
sources=
for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
  [ ! -s "$file" ] || { sources=$file; break; }
done
if command -v mmdebstrap >/dev/null; then
  mmdebstrap --quiet --mode=root --variant=minbase bookworm "$machine" ${sources:+"$sources"} || die "mmdebstrap failed"
elif command -v debootstrap >/dev/null; then
  debootstrap --variant=minbase bookworm "$machine" >"$work/debootstrap.log" || die "debootstrap failed"
  [ -z "$sources" ] || cp "$sources" "$machine/etc/apt/sources.list.d/"
else
  die "needs mmdebstrap: apt-get install --no-install-recommends mmdebstrap"
fi
apt-config dump | grep -E '^Acquire::.*(Proxy|Check-Date|Check-Valid-Until)' >"$machine/etc/apt/apt.conf.d/99host"
cp -L /etc/resolv.conf "$machine/etc/resolv.conf"
rm -rf "$machine"/var/lib/apt/lists/*
mount -t proc proc "$machine/proc" || die "cannot mount /proc"
for folder in sys dev; do mount --rbind "/$folder" "$machine/$folder" || die "cannot mount /$folder"; done

# inside WHO COMMAND: runs a command in the clone, with the bare environment of a login and no stdin.
inside () {
  chroot "$machine" /usr/bin/env -i HOME=/home/stranger USER="$1" TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --reuid="$1" --regid="$1" --init-groups sh -c "cd /home/stranger/impasto && $2" </dev/null
}

chroot "$machine" useradd --create-home --shell /bin/sh stranger || die "useradd failed"
git clone --quiet --no-local "$source" "$machine/home/stranger/impasto" || die "git clone failed"
who=root
if [ "$as" != root ]; then
  who=stranger
  chroot "$machine" chown -R stranger:stranger /home/stranger
fi
if [ "$as" = sudo ]; then
  inside root 'apt-get -q update && apt-get -q -y install --no-install-recommends sudo' >"$work/sudo.log" 2>&1 ||
    die "could not install sudo"
  echo 'stranger ALL=(ALL) NOPASSWD: ALL' >"$machine/etc/sudoers.d/stranger"
fi

# timed COMMAND: runs it as the stranger would and says how long it took.
timed () {
  say "$1"
  started=$(date +%s)
  inside $who "$1" || die "failed: $1"
  say "took $(($(date +%s) - started)) s"
}

for command; do
  if [ "$as" = user ]; then
    if inside stranger "$command" >"$work/told" 2>&1; then die "worked without its packages: $command"; fi
    cat "$work/told"
    line=$(sed -n 's/^  \(apt-get update && apt-get install .*\)/\1/p' "$work/told")
    [ -n "$line" ] || die "named no line to type: $command"
    say "root types the line"
    inside root "export DEBIAN_FRONTEND=noninteractive; $line" >"$work/typed.log" 2>&1 ||
      { tail -n 20 "$work/typed.log"; die "the line does not work"; }
  fi
  timed "$command"
done
painting=$machine/home/stranger/impasto/painting.png
[ ! -f "$painting" ] || say "painting.png: $(wc -c <"$painting") bytes"
say "the fresh machine takes $(du -sxm "$machine" | cut -f 1) MB; all commands worked"
