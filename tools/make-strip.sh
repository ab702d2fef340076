#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Paints the example pictures in some of the shipped styles and lays them out for the README: docs/images/strip.jpg.
# Needs the `vips` command (Debian: libvips-tools). tools/make-strip.sh [WIDTH-OF-A-CELL [STYLE...]]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
width=${1:-300}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -eq 0 ] || shift
styles=${*:-starry-night great-wave the-seine dance mosaic the-scream composition-vii}
columns=1
for style in $styles; do columns=$((columns + 1)); done
cells=
for photo in harbour valley still-life; do
  vips thumbnail "$root/examples/$photo.jpg" "$work/$photo.v" "$width"
  cells="$cells $work/$photo.v"
  for style in $styles; do
    "$root/impasto" paint "$root/examples/$photo.jpg" --style "$style" -o "$work/$photo-$style.png" --quiet
    vips thumbnail "$work/$photo-$style.png" "$work/$photo-$style.v" "$width"
    cells="$cells $work/$photo-$style.v"
  done
done
mkdir -p "$root/docs/images"
vips arrayjoin "$(echo $cells)" "$work/strip.v" --across $columns --shim 4 --background 255
vips copy "$work/strip.v" "$root/docs/images/strip.jpg[Q=88,strip]"
