#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Renders the example pictures again: tools/render-examples.sh BUILD [SCENE...]
# BUILD is a Meson build folder of this tree. Needs the vips command (Debian: libvips-tools) to write JPEG.
set -eu

build=${1:?usage: render-examples.sh BUILD [SCENE...]}
shift
here=$(cd "$(dirname "$0")/.." && pwd)
ninja -C "$build" tools/render
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for scene in ${*:-harbour valley still-life}; do
  "$build/tools/render" "$scene" >"$work/$scene.ppm"
  vips copy "$work/$scene.ppm" "$work/$scene.jpg[Q=86,optimize-coding,strip]"
  mv "$work/$scene.jpg" "$here/examples/$scene.jpg"
  echo "examples/$scene.jpg: $(wc -c <"$here/examples/$scene.jpg") bytes"
done
