#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains models/classics.safetensors anew: models/train-classics.sh PAINTINGS PHOTOS VGG19.safetensors [OPTION...]
# PAINTINGS is a folder with the pictures named below, PHOTOS a folder of photographs; about an hour on two cores with bf16.
set -eu
[ $# -ge 3 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
paintings=$1 photos=$2 features=$3
shift 3
exec "$(dirname "$0")/../impasto" train style \
  "$paintings/van-gogh-starry-night.jpg" "$paintings/hokusai-great-wave.jpg" "$paintings/munch-the-scream.jpg" \
  "$paintings/kandinsky-composition-vii.jpg" "$paintings/seurat-la-grande-jatte.jpg" "$paintings/picabia-udnie.jpg" \
  "$paintings/roman-mosaic-ducks.jpg" \
  --names starry-night,great-wave,the-scream,composition-vii,la-grande-jatte,udnie,mosaic \
  --photos "$photos" --features "$features" --steps 7000 --painting-size 768 --rate 0.0015 --average 0.998 \
  --adversary-weight 0.15 --output models/classics.safetensors "$@"
