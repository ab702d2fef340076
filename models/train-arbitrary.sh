#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains models/arbitrary.safetensors anew: models/train-arbitrary.sh PAINTINGS PHOTOS VGG19.safetensors [OPTION...]
# PAINTINGS and PHOTOS are folders of pictures; an hour or two on two cores.
set -eu
[ $# -ge 3 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
paintings=$1 photos=$2 features=$3 models=$(dirname "$0")
shift 3
exec "$models/../impasto" train arbitrary "$paintings" --photos "$photos" --encoder "$models/perceptual.safetensors" \
  --features "$features" --size 192 --rate 0.002 --style-weight 20 --zoom 3 --steps 3000 \
  --title "any painting as a style" \
  --license "non-commercial research (photographs of the training); paintings in the public domain" \
  --output "$models/arbitrary.safetensors" --overwrite "$@"
