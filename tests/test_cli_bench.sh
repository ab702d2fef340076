#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_cli_bench.sh IMPASTO MAKE_PACK PICTURE: what a network costs and what it is made of.
. "$(dirname "$0")/cli.sh"

# --- Networks ---

run bench --net default --size 32x32 --runs 2
[ $status = 0 ] && grep -q 'median_ms [0-9.]*.*gflops.*memory_mib.*precision.*threads' out
check "bench"
run bench --style gamma --size 32 --runs 2 --json; [ $status = 0 ] && grep -q '"median_ms":' out
check "bench of a style as JSON"
run bench gamma --size 48x32 --runs 2 --threads 1 --precision f32 --json
[ $status = 0 ] && [ "$(wc -l <out)" = 1 ] &&
  [ "$(grep -oE '"(median_ms|min_ms|gflops|peak_share|memory_mib)":[0-9.]*[1-9]' out | wc -l)" = 5 ] &&
  grep -q '"net":"gamma".*"size":"48x32".*"precision":"f32","threads":1' out
check "bench of a style by its name, every figure in one line"
run bench --net default --size 32 --runs 2 --layers
[ $status = 0 ] && grep -q '^convolution .*%' out && grep -q '^normalisation' out && grep -q '^measured peak' out
check "bench --layers: what the time goes into"
run bench dcgan-28 --set latent=8,width=0.1 --runs 2; [ $status = 0 ]; check "bench of a network with settings"
run bench dcgan-28 --set widht=1; refused 2 "did you mean --width"; check "bench: a setting, the nearest named"
run bench nothing.onnx; refused 3 "nothing.onnx"; check "bench: a model that is not there"
run bench johnson dcgan-28; refused 2 "one network"; check "bench: one at a time"
run bench --train style --batch 1 --size 64 --runs 1 --set width=4,inner=4,residuals=1 --json
[ $status = 0 ] && grep -q '"net":"train-style".*"batch":1,"images_per_second":' out; check "bench of a training step"
run bench --train style --size 64x48; refused 2 "square"; check "bench of a training step: a size"
run bench --train stile; refused 2 "there are style"; check "bench: an unknown recipe"
run bench gamma --size 24x16 --runs 1 --precision f32 --output one.npy; [ $status = 0 ] && [ -s one.npy ] &&
  run bench gamma --input one.npy --runs 1 --precision f32 --output two.npy --json; [ $status = 0 ] && ! cmp -s one.npy two.npy &&
  grep -q '"size":"24x16"' out && cp two.npy three.npy &&
  run bench gamma --input one.npy --runs 3 --precision f32 --output two.npy; [ $status = 0 ] && cmp -s two.npy three.npy
check "bench: values in, values of the timed run out"
run bench dcgan-28 --input one.npy; refused 2 "shape (1, 3, 16, 24).*takes"; check "bench: values of a wrong shape"
run bench gamma --input one.npy --size 32; refused 2 "gives the size"; check "bench: values and a size"
run bench gamma --batch 2; refused 2 "go with --train"; check "bench: a batch without training"
run bench --train style gamma; refused 2 "no network beside it"; check "bench: a step and a network"
run bench gamma --style alpha; refused 2 "one network"; check "bench: two networks"
run bench gamma --set width=8; refused 2 "set goes with"; check "bench: settings of a pack"
run bench gamma --size 24x16 --output result.png; refused 2 "wants a .npy file"; check "bench: values as a picture"
run bench --train style --output one.npy; refused 2 "not a training step"; check "bench: values of a training step"
run bench --size 12y4; refused 2 "WIDTHxHEIGHT"; check "bench: a size"
for net in style vgg19 resnet18 perceptual patch dcgan-28 noise-gan-28 vae-28 dcgan-64; do
  run describe $net --size 64; [ $status = 0 ] && grep -q 'conv2d' out && grep -q '[0-9] parameters' out
check "describe $net"
done
# By hand, as Keras counts: dense 100*12544, normalisations 4 a channel, convolutions 25*in*out, biases of the last and the judge.
run describe dcgan-28; [ $status = 0 ] && grep -q '^generator.leaky_relu1 *leaky_relu *(1, 12544) *0' out &&
  grep -q '^3 361 090 parameters, 25 472 of them running' out; check "describe: a row a layer, parameters as Keras counts"
run describe dcgan-28 --conditional concatenation; [ $status = 7 ] && grep -q 'wants classes' err
check "describe: a conditional network without classes"
run describe gamma; [ $status = 0 ] && grep -q 'CC0-1.0' out && grep -q 'res1.conv1' out; check "describe a style"
for format in graph dot plan; do
  run describe models/one.safetensors --size 32 --format $format; [ $status = 0 ] && grep -q 'conv2d' out
check "describe a pack as $format"
done
run describe nonsense; refused 2 "no pack"; check "describe nothing"

end_of_cases
