#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains models/classics.safetensors anew: models/train-classics.sh PAINTINGS PHOTOS VGG19.safetensors [OPTION...]
# PAINTINGS is a folder with the pictures named below, PHOTOS a folder of photographs; an hour or so on two cores with bf16.
set -eu
[ $# -ge 3 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
paintings=$1 photos=$2 features=$3
shift 3
exec "$(dirname "$0")/../impasto" train style \
  "$paintings/van-gogh-starry-night.jpg" "$paintings/hokusai-great-wave.jpg" "$paintings/munch-the-scream.jpg" \
  "$paintings/kandinsky-composition-vii.jpg" "$paintings/seurat-la-grande-jatte.jpg" "$paintings/picabia-udnie.jpg" \
  "$paintings/roman-mosaic-ducks.jpg" \
  --names "starry-night: The Starry Night, Vincent van Gogh, 1889;\
great-wave: Under the Wave off Kanagawa, Katsushika Hokusai, about 1831;\
the-scream: The Scream, Edvard Munch, 1893;\
composition-vii: Composition VII, Wassily Kandinsky, 1913;\
la-grande-jatte: A Sunday on La Grande Jatte, Georges Seurat, 1884-86;\
udnie: Udnie, Francis Picabia, 1913;\
mosaic: Mosaic of ducks, Roman, antiquity" \
  --title Classics --license "non-commercial research (photographs of the training); paintings in the public domain" \
  --photos "$photos" --features "$features" --steps 7000 --photograph=no --brush=no \
  --output "$(dirname "$0")/classics.safetensors" --overwrite "$@"
