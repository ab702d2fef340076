#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains models/perceptual.safetensors anew: models/train-perceptual.sh PAINTINGS PHOTOS VGG19.safetensors [OPTION...]
# PAINTINGS and PHOTOS are folders of pictures; a quarter of an hour or so on two cores.
set -eu
[ $# -ge 3 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
paintings=$1 photos=$2 teacher=$3
shift 3
exec "$(dirname "$0")/../impasto" train perceptual --photos "$photos" --paintings "$paintings" --teacher "$teacher" \
  --batch 4 --painted 1 --steps 1600 \
  --license "non-commercial research (photographs of the training); teacher: VGG-19, CC BY 4.0" \
  --output "$(dirname "$0")/perceptual.safetensors" --overwrite "$@"
