#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# impasto beside ONNX Runtime and PyTorch on the same networks, in one run: bench/compare.sh [THREADS]
#
# Needs a build (./impasto --version makes one) and, for the peers, outside this tree:
#   apt-get install python3-torch python3-onnx
#   npm install --prefix DIR --ignore-scripts onnxruntime-node@1.30.0, then ORT=DIR in the environment
# What is missing is left out. Compare figures of one run only; run it on an idle machine.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
threads=${1:-2}
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
impasto=${IMPASTO:-$root/impasto}
build=${BUILD:-$root/build}

echo "== the painter of Johnson et al. 2016, 1.68 M parameters, $threads threads"
for size in 512 1024; do
  for precision in f32 bf16; do
    "$impasto" bench --net johnson --size "${size}x$size" --precision $precision --threads "$threads" --runs 9
  done
  if "$python" -c 'import torch' 2>/dev/null; then
    "$python" "$here/peers.py" paint $size "$threads" "$work/johnson.onnx" 2>/dev/null
    [ -z "${ORT:-}" ] || node "$here/ort.mjs" "$work/johnson.onnx" $size "$threads"
  fi
done

echo "== one training step: that network, batch 4 at 256x256, VGG-19 blocks 1-3, Gram and content loss, Adam"
ninja -C "$build" bench/train_step > "$work/ninja.log" || { cat "$work/ninja.log" >&2; exit 1; }
for precision in f32 bf16; do
  "$build/bench/train_step" $precision "$threads" 5
done
"$python" -c 'import torch' 2>/dev/null && "$python" "$here/peers.py" train "$threads"
