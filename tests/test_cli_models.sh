#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_cli_models.sh IMPASTO MAKE_PACK PICTURE: models written for other programs, and models of others run.
. "$(dirname "$0")/cli.sh"
"$make_pack" huge.safetensors huge=down1.conv.weight bad

# --- Models for other programs ---

run export alpha; [ $status = 0 ] && [ "$(cat out)" = alpha.onnx ] && grep -q Nobody alpha.onnx
check "a style as a model, named after it"
run export alpha; refused 4 "alpha.onnx is there already; --overwrite"; check "a model that is there stays"
run export alpha -q -o quiet.onnx; [ $status = 0 ] && [ -s quiet.onnx ] && [ ! -s out ] && [ ! -s err ]; check "a model, quietly"
cp alpha.onnx first.onnx; run export --style alpha --overwrite
[ $status = 0 ] && cmp -s alpha.onnx first.onnx; check "the same bytes again"
run export pair --style beta -o beta.onnx; [ $status = 0 ] && ! cmp -s alpha.onnx beta.onnx
check "a style of a pack"
run export pair --all-styles --weights f16 --opset 17 -o pair.onnx; [ $status = 0 ] && grep -q 'alpha,beta' pair.onnx
check "all styles of a pack"
"$make_pack" rich.safetensors width=8 photograph=yes brush=yes beta gamma
run export rich.safetensors --all-styles -o rich.onnx
[ $status = 0 ] && grep -q 'beta,gamma,photograph,coarser-brush,finer-brush' rich.onnx; check "all rows of a pack"
run export models/one.safetensors --fixed 61x47 --range 0..255 --margin 0 -o fixed.onnx; [ $status = 0 ]
check "a fixed size"
run export models/pair.safetensors:beta -o named.onnx; [ $status = 0 ] && cmp -s named.onnx beta.onnx
check "a style by file and name"
run export pair -o result.onnx; refused 2 "2 styles; choose one.*alpha, beta"; check "a pack without a style"
run export alhpa -o result.onnx; refused 2 "did you mean alpha"; check "no such style, the nearest named"
run export pair --style gamma -o result.onnx; refused 2 "no style gamma"; check "a style that the pack lacks"
run export nowhere --style alpha -o result.onnx; refused 2 "no pack 'nowhere'"; check "no such pack"
run export nowhere.safetensors -o result.safetensors; refused 3 "nowhere.safetensors"; check "no such file, whatever it would become"
run describe alpha.onnx; refused 2 "run alpha.onnx --info"; check "describe: an ONNX model"
run describe nowhere.h5; refused 3 "nowhere.h5: cannot be read: No such file"; check "describe: no such file"
run describe .; refused 3 "is no run"; check "describe: a folder that is no run"
run describe pair; [ $status = 0 ] && grep -q '^styles *alpha' out; check "describe: a pack by its name"
run describe models/pair.safetensors; cp out of_pack
run describe models/pair.safetensors:beta; [ $status = 0 ] && cmp -s out of_pack; check "describe: the pack of one of its styles"
for name in pair.safetensors pair.safetensors:beta; do
  run describe $name; [ $status = 0 ] && sed "s|$work/||" out | cmp -s - of_pack
  check "describe: $name, where packs are"
done
"$make_pack" --perceptual eye.safetensors; run describe eye.safetensors; [ $status = 0 ] && grep -q '^network *perceptual' out
check "describe: a network that is no pack"
run bench pair --size 32x32 --runs 1; [ $status = 0 ] && grep -q '^net pair' out; check "bench: a pack of several styles by its name"
run export alpha -o result.png; refused 2 "ends in .onnx"; check "another extension"
run export alpha --opset 9 -o result.onnx; refused 2 "11 to 17"; check "an opset that is too old"
run export alpha --fixed 0x4 -o result.onnx; refused 2 "--fixed wants"; check "a size that cannot be"
run export alpha --input-name x --output-name x -o result.onnx; refused 2 "two different names"; check "one name for two"
run export alpha --input-name '' -o result.onnx; refused 2 "not empty"; check "a name that is none"
run export alpha -o models; refused 2 "models: a style.s file ends in .onnx"; check "a folder for a model"
mkdir folder.onnx; run export alpha -o folder.onnx; refused 4 "folder.onnx: it is a folder"; check "a folder called like one"
rmdir folder.onnx
run export alpha beta; refused 2 "not 'beta' too"; check "one too many"
run export alpha -o nowhere/result.onnx; refused 4 "nowhere"; check "a folder that is not there"
run export huge.safetensors --weights f16 -o result.onnx; refused 6 "does not fit half precision"
check "weights that half precision cannot hold"

# --- Models of others ---

run run alpha.onnx --info
[ $status = 0 ] && grep -q 'input  photo: float (batch, 3, height, width)' out && grep -q '^ops .*Conv [0-9]' out &&
  grep -q '^metadata range: 0..1' out && grep -q 'not supported: nothing' out; check "run: what a model is"
run run alpha.onnx photos.png; [ $status = 3 ] && grep -q photos.png err; check "run: a picture that is not there"
"$impasto" paint "$picture" --style alpha --grain 0 --size 61 -o photo.png >/dev/null
run run alpha.onnx photo.png -o result.png
[ $status = 0 ] && [ ! -s out ] && [ ! -s err ] && [ "$(size_of result.png)" = "$(size_of photo.png)" ]
check "run: a picture, as the metadata say"
sed 's/0[.][.]1/0__1/g' alpha.onnx >mute.onnx; run run mute.onnx photo.png -o other.png
[ $status = 0 ] && [ ! -s out ] && [ "$(grep -c '^impasto: .*guessed as 0..1, from its last ops' err)" = 2 ] &&
  cmp -s result.png other.png; check "run: without metadata, a guess"
run export alpha --range 0..255 --layout nhwc -o bytes.onnx
run run bytes.onnx photo.png -o other.png; [ $status = 0 ] && [ ! -s err ] && cmp -s result.png other.png
check "run: bytes and channels last, as the metadata say"
run run alpha.onnx photo.png --range 0..255 -o other.png; [ $status = 0 ] && ! cmp -s result.png other.png
check "run: options come before metadata"
rm result.png
cp photo.png first.png; run run alpha.onnx photo.png -o photo.png
refused 4 "replace the input" && cmp -s first.png photo.png; check "run: onto its input"
run run alpha.onnx photo.png -o nowhere/result.png; refused 4 "nowhere/result.png: No such file"
check "run: a folder that is not there"
run run alpha.onnx photo.png -o models; refused 2 "models: an output is a picture"; check "run: a folder for an output"
run run --quiet alpha.onnx photo=photo.png -o painting=first.npy; [ $status = 0 ] && [ ! -s err ] && [ -s first.npy ]
check "run: an array, by name"
run run alpha.onnx first.npy --output second.npy -o painting=third.npy; refused 2 "no output for 'second.npy'; it has painting"
check "run: an output too many"
run run alpha.onnx first.npy -o second.npy; [ $status = 0 ] && [ ! -s err ] && ! cmp -s first.npy second.npy
check "run: from array to array"
run run alpha.onnx first.npy; [ $status = 0 ] && grep -q '^painting: float (1, 3, [0-9]*, 61), .* to .*, mean' out
check "run: without an output, figures"
run run pair.onnx photo.png -o result.png; refused 2 "input 'style' (batch, 2) is not given: --input style=FILE"
check "run: an input that is missing"
run run fixed.onnx photo.png -o result.png; refused 7 "photo.png is .*, the model takes 61x47 only; --resize"
check "run: another size than the model's"
run run fixed.onnx photo.png --resize -o result.png
[ $status = 0 ] && [ ! -s err ] && [ "$(size_of result.png)" = "61 47" ]; check "run: brought to its size"
rm -f result.png
run run alpha.onnx photo.png -o result.txt; refused 2 "result.txt: an output is a picture"; check "run: another extension"
run run alpha.onnx photo.png --mean 1,2 -o result.png; refused 2 "--mean wants"; check "run: two means"
run run alpha.onnx photo.png --std 0 -o result.png; refused 2 "--std wants"; check "run: a division by nothing"
run run; refused 2 "wants a model"; check "run: no model"
run run "$picture" photo.png -o result.png; refused 3 "no ONNX model"; check "run: a model that is none"
head -c 20000 alpha.onnx >short.onnx; run run short.onnx photo.png -o result.png; refused 3 "short.onnx: damaged"
check "run: a model cut off"
head -c 100 first.npy >short.npy; run run alpha.onnx short.npy -o result.png; refused 3 "short.npy is not a good .npy"
check "run: an array cut off"
rm -f ./*.onnx ./*.npy photo.png first.png other.png

end_of_cases
