#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains models/arbitrary.safetensors anew: models/train-arbitrary.sh PAINTINGS PHOTOS [OPTION...]
# PAINTINGS and PHOTOS are folders of pictures; three quarters of an hour or so on two cores.
set -eu
[ $# -ge 2 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
paintings=$1 photos=$2 models=$(dirname "$0")
shift 2
exec "$models/../impasto" train arbitrary "$paintings" --photos "$photos" --encoder "$models/perceptual.safetensors" \
  --steps 3000 --title "any painting as a style" \
  --license "non-commercial research (photographs of the training); paintings in the public domain" \
  --output "$models/arbitrary.safetensors" "$@"
