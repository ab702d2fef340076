#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains models/digits.safetensors anew: models/train-digits.sh DIGITS [OPTION...]
# DIGITS is a folder with MNIST's IDX files, pictures and labels; some minutes on one core.
set -eu
[ $# -ge 1 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
digits=$1
shift
exec "$(dirname "$0")/../impasto" train classifier --data "$digits" --title "handwritten digits" \
  --license "CC BY-SA 3.0, as the digits of MNIST that it was trained on" \
  --output "$(dirname "$0")/digits.safetensors" --overwrite "$@"
