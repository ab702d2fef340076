#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains the predictor in models/masters.safetensors anew: models/train-predictor.sh PAINTINGS PHOTOS VGG19.safetensors [OPTION...]
# PAINTINGS and PHOTOS are folders of pictures; some two hours on one core. The pack that train-masters.sh makes is beside it.
set -eu
[ $# -ge 3 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
paintings=$1 photos=$2 features=$3 models=$(dirname "$0") first=$(mktemp -d)
trap 'rm -rf "$first"' EXIT
shift 3
"$models/../impasto" train predictor "$paintings" --photos "$photos" --into "$models/masters.safetensors" \
  --describer "$models/perceptual.safetensors" --rate 0.002 --steps 1700 --output "$first/masters.safetensors" "$@"
"$models/../impasto" train predictor "$paintings" --photos "$photos" --into "$first/masters.safetensors" \
  --describer "$models/perceptual.safetensors" --features "$features" --size 192 --zoom 4 --rate 0.0015 --steps 3000 \
  --output "$models/masters.safetensors" --overwrite "$@"
