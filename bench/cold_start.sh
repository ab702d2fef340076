#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From start to file written: bench/cold_start.sh [SIZE [RUNS]]
#
# Paints a picture of SIZE x SIZE (512) in a fresh process, RUNS times (11), files in the page cache, and says the median
# of the whole and of its parts: starting (loading of libraries, from `impasto --version`), the pack, the plan (kernels
# are generated, weights laid out), loading, painting (the first run of the plan: its memory is touched for the first time), saving.
# $IMPASTO names the program (default ../impasto, whose own look for newer sources then counts); $STYLE the style.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
size=${1:-512} runs=${2:-11} style=${STYLE:-starry-night}
impasto=${IMPASTO:-$here/../impasto}
export IMPASTO_MODELS="${IMPASTO_MODELS:-$here/../models}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

now () { date +%s%N; }
# median FILE: of the numbers in it, a line each.
median () { sort -n "$1" | awk '{x[NR] = $1} END {print x[int((NR + 1) / 2)]}'; }

vips thumbnail "$here/../examples/harbour.jpg" "$work/photo.png" "$size" --height "$size" --crop centre 2>/dev/null ||
  cp "$here/../examples/harbour.jpg" "$work/photo.png"
for run in $(seq 0 "$runs"); do
  start=$(now)
  "$impasto" --version >/dev/null
  middle=$(now)
  "$impasto" paint "$work/photo.png" --style "$style" --size "$size" -o "$work/out.png" --overwrite --verbose \
    >/dev/null 2>"$work/log"
  end=$(now)
  [ "$run" -gt 0 ] || continue # the first fills the page cache
  echo $(((middle - start) / 1000)) >>"$work/start"
  echo $(((end - middle) / 1000)) >>"$work/whole"
  sed -n 's/^ *time: //p' "$work/log" | tr ',' '\n' | while read -r part ms unit; do
    echo "$ms" >>"$work/part-$part"
  done
done
awk -v us="$(median "$work/whole")" -v start="$(median "$work/start")" -v size="$size" -v runs="$runs" \
  'BEGIN {printf "%dx%d, median of %d: %.0f ms from start to file written; starting %.0f", size, size, runs, us / 1000, start / 1000}'
for part in pack plan load paint save; do
  printf ', %s %s' "$part" "$(median "$work/part-$part")"
done
echo
