#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A picture that is too large to be held: bench/huge.sh [SIZE [MEMORY [PHOTO]]]
#
# Enlarges PHOTO (examples/harbour.jpg) until its longer side has SIZE pixels (16000), as a TIFF, paints that within
# MEMORY (1400M), and says time, forecast and peak of memory of both. Disk: some 15 bytes a pixel, in $TMPDIR (/var/tmp).
# $IMPASTO names the program (default ../impasto); $STYLE the style; $STROKES pixels or preview.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
size=${1:-16000} memory=${2:-1400M} photo=${3:-$here/../examples/harbour.jpg}
impasto=${IMPASTO:-$here/../impasto} style=${STYLE:-starry-night} strokes=${STROKES:-preview}
export IMPASTO_MODELS="${IMPASTO_MODELS:-$here/../models}" TMPDIR="${TMPDIR:-/var/tmp}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$impasto" paint "$photo" --style "$style" --strength 0 --size "$size" --memory "$memory" -o "$work/huge.tif" --verbose
"$impasto" paint "$work/huge.tif" --style "$style" --strokes "$strokes" --memory "$memory" -o "$work/painted.tif" --verbose
ls -l "$work"
