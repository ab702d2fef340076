#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_cli.sh IMPASTO MAKE_PACK PICTURE: the command from outside, in TAP: what it prints, the status it ends with, and
# that nothing half-written stays. Packs have random weights; pictures are made by painting PICTURE at small sizes.
set -u

impasto=$(realpath "$1")
make_pack=$(realpath "$2")
picture=$(realpath "$3")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C OMP_WAIT_POLICY=passive
export IMPASTO_MODELS="$work/models" XDG_DATA_HOME="$work/none" XDG_DATA_DIRS="$work/none"
count=0
failed=0

# run ARGUMENT...: runs impasto; its status, stdout and stderr are in $status, out and err.
run () {
  "$impasto" "$@" >out 2>err </dev/null
  status=$?
}

# check NAME: the status of the command before it is the case.
check () {
  if [ $? = 0 ]; then result=ok; else result='not ok'; failed=1; fi
  count=$((count + 1))
  echo "$result $count - $1"
  [ "$result" = ok ] || { echo "# status $status"; sed 's/^/# /' out err; }
}

# refused STATUS PATTERN: ended so, said so on one line on stderr, left no result and no part of one.
refused () {
  [ "$status" = "$1" ] && [ "$(wc -l <err)" = 1 ] && grep -q "^impasto: .*$2" err && [ ! -e result.png ] &&
    [ -z "$(find . -name '.impasto*')" ]
}

painted () {
  [ "$status" = 0 ] && [ -s "$1" ] && [ ! -s err ]
}

# size_of PNG: "WIDTH HEIGHT" from its header.
size_of () {
  od -An -tu1 -j16 -N8 "$1" |
    awk '{print ($1 * 256 + $2) * 65536 + $3 * 256 + $4, ($5 * 256 + $6) * 65536 + $7 * 256 + $8}'
}

mkdir models
"$make_pack" models/pair.safetensors alpha beta && "$make_pack" models/one.safetensors gamma &&
  "$make_pack" nan.safetensors nan=res1.conv1.weight bad &&
  "$make_pack" shape.safetensors misshape=down2.conv.weight bad &&
  "$make_pack" drop.safetensors drop=out.bias bad && "$make_pack" huge.safetensors huge=down1.conv.weight bad
status=$?
[ $status = 0 ]; check "packs for the tests"

# --- What it says about itself ---

run --version; [ $status = 0 ] && grep -q '^impasto [0-9]' out && grep -q 'oneDNN.*threads' out; check "version"
run; [ $status = 2 ] && grep -q 'paint ' out; check "no command: an overview"
for command in paint replay styles train bench describe export run eval generate data runs explain; do
  run $command --help
  [ $status = 0 ] && [ "$(head -n 2 out | grep -c "^  impasto $command")" = 2 ] && [ "$(awk 'length > 120' out)" = "" ]
  check "$command --help: two examples on top"
  cp out help; run help $command; [ $status = 0 ] && cmp -s out help; check "help $command: the same"
done
run train style --help; [ $status = 0 ] && grep -q -- '--photos' out && grep -q -- '--resume' out
check "help of a recipe"
run describe patch --help; [ $status = 0 ] && grep -q -- '--heads' out; check "help of a network"
run pant; refused 2 "did you mean paint"; check "unknown command, the nearest named"
run paint --styel alpha "$picture"; refused 2 "did you mean --style"; check "unknown option, the nearest named"
run paint -z; refused 2 "unknown option -z"; check "unknown letter"
run paint "$picture" --size big; refused 2 "whole number"; check "an option's value"
run paint "$picture" --style; refused 2 "wants a value"; check "an option without its value"
run paint --style alpha; refused 2 "wants a picture"; check "no picture"
run paint "$picture"; refused 2 "style is wanted"; check "no style"
run train syle; refused 2 "did you mean style"; check "unknown recipe, the nearest named"
run styles >/dev/null; "$impasto" styles >/dev/full 2>err; status=$?; [ $status = 4 ]; check "standard output is full"

# --- Styles ---

run styles; [ $status = 0 ] && [ "$(cut -d' ' -f1 out | tr '\n' ' ')" = "alpha beta gamma " ]
check "styles of all packs"
run styles --json; [ $status = 0 ] && [ "$(grep -c '"name"' out)" = 3 ] && grep -q 'CC0-1.0' out; check "styles as JSON"
run paint "$picture" --style alhpa -o result.png; refused 2 "did you mean alpha.*gamma"
check "unknown style, the nearest named"
run paint "$picture" --style models/pair.safetensors -o result.png; refused 2 "alpha, beta"
check "a pack of two styles wants a name"
run paint "$picture" --style models/pair.safetensors:omega -o result.png; refused 2 "no style omega"
check "a pack without that style"
run paint "$picture" --style nothing.safetensors -o result.png; refused 3 "nothing.safetensors"
check "a pack that is not there"
run paint "$picture" --style "$picture.safetensors" -o result.png; refused 3 "cannot read"
check "a pack of a long name"
run paint "$picture" --style nan.safetensors -o result.png; refused 3 "res1.conv1.weight.*NaN"
check "NaN among the weights"
run paint "$picture" --style shape.safetensors -o result.png; refused 3 "down2.conv.weight.*wants"
check "a weight of a wrong shape"
run paint "$picture" --style drop.safetensors -o result.png; refused 3 "out.bias.*missing"
check "a weight that is missing"
run paint "$picture" --style huge.safetensors --size 32 -o result.png; refused 6 "NaN or infinity"
check "a network that overflows"
head -c 3000 models/one.safetensors >short.safetensors
run paint "$picture" --style short.safetensors -o result.png; refused 3 "short.safetensors"; check "a truncated pack"
cp short.safetensors models/; run styles; [ $status = 3 ] && grep -q '^alpha' out && grep -q short err
check "a broken pack does not hide the others"
rm models/short.safetensors
"$make_pack" --perceptual models/perceptual.safetensors
run styles; [ $status = 0 ] && [ ! -s err ]; check "other networks of ours are no broken packs"
run paint "$picture" --style models/perceptual.safetensors -o result.png; refused 3 'holds a network "perceptual"'
check "another network as a style"
rm models/perceptual.safetensors

# --- Data ---

mkdir data; cp "$picture" data/a.jpg
run data check data --size 32; [ $status = 0 ] && grep -q '^1 pictures, 1 of them used' out && [ ! -s err ]
check "a folder that is well"
cp "$picture" data/b.jpg; run data check data --size 32
[ $status = 0 ] && grep -q '^duplicate: data/b.jpg: the same as data/a.jpg' out && grep -q '^to know: 1 duplicate' out
check "the same picture twice"
head -c 2000 "$picture" >data/b.jpg; run data check data --size 32 --json
[ $status = 3 ] && grep -q '"kind":"damaged","name":"data/b.jpg"' out && tail -n 1 out | grep -q '"pictures":2,"used":1'
check "a damaged picture, as JSON"
run data check nowhere; refused 3 "nowhere: .*does not exist"; check "data that is not there"
run data check; refused 2 "check PLACE"; check "data without a place"
run data list data; refused 2 "check PLACE"; check "data: another word"
rm -r data

# --- Runs ---

run runs; refused 3 "runs: there is no such folder"; check "no runs"
for number in 1 2; do
  mkdir -p runs/0000$number-gan
  echo "{\"recipe\":\"gan\",\"settings\":{\"rate\":0.$number},\"run\":{\"steps\":3}}" >runs/0000$number-gan/recipe.json
  echo "2026-01-31 12:00:00  finished: x" >runs/0000$number-gan/log.txt
  for step in 1 2 3; do echo "{\"step\":$step,\"loss\":$number.5,\"seconds\":2}"; done >runs/0000$number-gan/stats.jsonl
done
run runs; [ $status = 0 ] && grep -q '^00001-gan  finished  3 of 3 steps .*6 s .*loss 1.5$' out && [ "$(wc -l <out)" = 2 ]
check "runs, a line each"
run runs --json; [ $status = 0 ] && [ "$(grep -c '"state":"finished".*"figures":{"loss":[12].5' out)" = 2 ]; check "runs as JSON"
run runs 1 runs/00002-gan; [ $status = 0 ] && grep -q '^rate *0.1 *0.2$' out && grep -q '^loss *1.5 *2.5$' out
check "two runs side by side"
run runs 1 2 -o two.svg; [ $status = 0 ] && grep -q '>00002-gan</text>' two.svg; check "their curves as SVG"
run runs 1 -o one.png; [ $status = 0 ] && [ "$(size_of one.png)" = "340 250" ]; check "curves as a picture"
run runs 3; refused 3 "3: is no run folder"; check "no such run"
run runs 1 -o result.gif; refused 2 "result.gif"; check "curves of no such format"
mkdir runs/00003-bad; echo '{' >runs/00003-bad/recipe.json; run runs
[ $status = 3 ] && [ "$(wc -l <out)" = 2 ] && grep -q '00003-bad: its recipe.json is damaged' err
check "a damaged run does not hide the others"
rm -r runs two.svg one.png

# --- Models for other programs ---

run export alpha; [ $status = 0 ] && [ "$(cat out)" = alpha.onnx ] && grep -q Nobody alpha.onnx
check "a style as a model, named after it"
run export alpha; refused 4 "alpha.onnx is there already; --overwrite"; check "a model that is there stays"
cp alpha.onnx first.onnx; run export --style alpha --overwrite
[ $status = 0 ] && cmp -s alpha.onnx first.onnx; check "the same bytes again"
run export pair --style beta -o beta.onnx; [ $status = 0 ] && ! cmp -s alpha.onnx beta.onnx
check "a style of a pack"
run export pair --all-styles --weights f16 --opset 17 -o pair.onnx; [ $status = 0 ] && grep -q 'alpha,beta' pair.onnx
check "all styles of a pack"
run export models/one.safetensors --fixed 61x47 --range 0..255 --margin 0 -o fixed.onnx; [ $status = 0 ]
check "a fixed size"
run export models/pair.safetensors:beta -o named.onnx; [ $status = 0 ] && cmp -s named.onnx beta.onnx
check "a style by file and name"
run export pair -o result.onnx; refused 2 "2 styles; choose one.*alpha, beta"; check "a pack without a style"
run export alhpa -o result.onnx; refused 2 "did you mean alpha"; check "no such style, the nearest named"
run export pair --style gamma -o result.onnx; refused 2 "no style gamma"; check "a style that the pack lacks"
run export nowhere --style alpha -o result.onnx; refused 2 "no pack 'nowhere'"; check "no such pack"
run export alpha -o result.png; refused 2 "ends in .onnx"; check "another extension"
run export alpha --opset 9 -o result.onnx; refused 2 "11 to 17"; check "an opset that is too old"
run export alpha --fixed 0x4 -o result.onnx; refused 2 "--fixed wants"; check "a size that cannot be"
run export alpha --input-name x --output-name x -o result.onnx; refused 2 "two different names"; check "one name for two"
run export alpha --input-name '' -o result.onnx; refused 2 "not empty"; check "a name that is none"
run export alpha -o models; refused 2 "models: a model's file ends in .onnx"; check "a folder for a model"
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
"$impasto" paint "$picture" --style alpha --size 61 -o photo.png >/dev/null
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

# --- Pictures that go through ---

run paint "$picture" --style alpha --size 40 -o small.png; painted small.png && [ "$(size_of small.png)" = "40 30" ]
check "scaled to 40 pixels"
[ "$(cat out)" = small.png ]; check "the result's name on stdout"
run paint "$picture" --style alpha --size 40 -o again.png; painted again.png && cmp -s small.png again.png
check "the same bytes again"
run paint "$picture" --style beta --size 40 -o other.png; painted other.png && ! cmp -s small.png other.png
check "another row, another painting"
run paint "$picture" --style models/one.safetensors --size 40 -o gamma.png; painted gamma.png
check "a pack's only style"
run paint "$picture" --style models/pair.safetensors:beta --size 40 -o named.png
painted named.png && cmp -s other.png named.png
check "a pack's style by name"
for size in 1 2 3 17; do
  run paint "$picture" --style alpha --size $size -o tiny.png; painted tiny.png &&
    run paint tiny.png --style alpha -o again.png &&
    painted again.png && [ "$(size_of again.png)" = "$(size_of tiny.png)" ]; check "a picture of $(size_of tiny.png)"
done
run paint small.png --style alpha --precision f32 --threads 1 -o plain.png; painted plain.png; check "f32, one thread"
run paint small.png --style alpha -o small.jpg
painted small.jpg && grep -aq 'alpha' small.jpg && grep -aq 'sha256' small.jpg
check "the recipe is in the file"
run paint small.png --style alpha --verbose -o result.jpg
[ $status = 0 ] && grep -q 'memory: forecast [0-9]* MiB, peak [0-9]* MiB' err &&
  grep -q 'time: .*plan.*load.*paint.*save' err
check "verbose: memory and times"
run paint small.png --style alpha --dry-run -o dry.png
painted out && [ ! -e dry.png ] && grep -q 'dry.png: 40x30' out
check "dry run"
run paint small.png --style alpha --quiet -o quiet.png; painted quiet.png && [ ! -s out ]; check "quiet"

# --- Steering ---

"$make_pack" models/rows.safetensors photograph=yes brush=yes delta epsilon
printf '\211PNG\015\012\032\012\000\000\000\015IHDR\000\000\000\002\000\000\000\001\010\000\000\000\000\321I\040V\000\000\000' >half.png
printf '\013IDATx\332c\140\370\017\000\001\002\001\000\321\032\313\217\000\000\000\000IEND\256B\140\202' >>half.png
printf '\211PNG\015\012\032\012\000\000\000\015IHDR\000\000\000\001\000\000\000\001\010\000\000\000\000\072\176\233U\000\000\000' >black.png
printf '\012IDATx\332c\140\000\000\000\002\000\001\345\047\336\374\000\000\000\000IEND\256B\140\202' >>black.png
run paint small.png --style alpha:0.6,beta:0.4; painted small-alpha+beta.png && [ "$(cat out)" = small-alpha+beta.png ]
check "a mix of styles"
run paint small.png --style models/pair.safetensors:alpha:6,beta:4 -o again.png
painted again.png && run replay small-alpha+beta.png small.png -o result.png && painted result.png &&
  cmp -s result.png small-alpha+beta.png && cmp -s again.png result.png; check "the same mix by file, and replayed"
rm result.png small-alpha+beta.png
run paint small.png --style alpha:0.5,gamma:0.5 -o result.png
refused 2 "alpha is a style of .*pair.safetensors, gamma of .*one.safetensors; styles of one pack"
check "a mix of two packs"
run paint small.png --style alpha:0.5,omega -o result.png; refused 2 "no style 'omega'"; check "a mix with a stranger"
for style in alpha: alpha:-1,beta alpha:nan alpha:0 alpha,,beta; do
  run paint small.png --style $style -o result.png; refused 2 "style"; check "no mix: $style"
done
run paint small.png --style delta --strength 3 -o result.png; refused 2 "strength.*0.*2"; check "too strong"
run paint small.png --style delta --brush 0.4 -o result.png; refused 2 "brush.*0.5.*2"; check "too fine a brush"
for style in alpha delta; do # without rows for photograph and brush, and with them
  run paint small.png --style $style --strength 0 --brush 2 -o nothing.png; painted nothing.png && run paint nothing.png \
    --style $style --strength 0 -o result.png && run paint small.png --style $style --strength 0 -o nothing.png &&
    cmp -s nothing.png result.png; check "$style: strength 0 is the photograph"
  for control in "--strength 1.7" "--brush 1.6" "--keep-colors palette" "--keep-colors luminance" "--region half.png=alpha" \
    "--denoise 0.5" "--detail 0.5" "--sharpen 1" "--saturation 0"; do
    [ $style = alpha ] || control=$(echo "$control" | sed 's/=alpha/=epsilon@0.5/')
    # shellcheck disable=SC2086
    run paint small.png --style $style $control -o steered.png; painted steered.png && run replay steered.png small.png -o \
      result.png && painted result.png && cmp -s steered.png result.png; check "$style $control, and replayed"
    rm -f result.png
  done
done
run paint small.png --style alpha --region half.png=beta --region 'half.png=alpha:0.5,beta:0.5@0.4; half.png=beta' -o many.tif
painted many.tif && run replay many.tif small.png -o many2.tif && painted many2.tif && cmp -s many.tif many2.tif
check "several regions"
run paint small.png --style alpha --region nowhere.png=beta -o result.png; refused 3 "nowhere.png"; check "no such mask"
run paint small.png --style alpha --region text.txt=beta -o result.png; refused 3 "text.txt"; check "a mask that is none"
run paint small.png --style alpha --region black.png=beta -o result.png; refused 3 "black.png: the mask is black all over"
check "a black mask"
run paint small.png --style alpha --region half.png=gamma -o result.png; refused 2 "styles of one pack"
check "a region of another pack"
run paint small.png --style alpha --region half.png -o result.png; refused 2 "MASK=STYLE"; check "a region without a style"
run paint small.png --style alpha --keep-colors hue -o result.png; refused 2 "no, luminance, palette"
check "colours kept in an unknown way"

# --- Replay ---

run paint small.png --style alpha:0.3,beta:0.7 --region half.png=beta@0.5 --saturation 1.2 -o made.png
for format in jpg webp tif; do
  "$impasto" paint small.png --style alpha --seed 7 -o made.$format >/dev/null
  run replay made.$format small.png -o again.$format; painted again.$format && cmp -s made.$format again.$format
  check "replay of a $format"
done
run replay made.png absent.jpg -o result.png; refused 3 "absent.jpg: no such file"; check "replay: no picture"
run replay made.png small.png --saturation 1 -o again.png; painted again.png && ! cmp -s again.png made.png
check "replay: the line comes before the recipe"
run replay made.png; refused 2 "wants a painting and a picture"; check "replay: nothing to paint"
run replay "$picture" small.png -o result.png; refused 3 "no recipe"; check "replay: no painting"
mkdir moved; cp made.png moved/; (cd moved && "$impasto" replay made.png ../small.png -o result.png >../out 2>../err); status=$?
refused 3 "the mask 'half.png' .*is not there"; check "replay: a mask that is gone"
cp black.png moved/half.png; (cd moved && "$impasto" replay made.png ../small.png -o result.png >../out 2>../err); status=$?
refused 3 "the mask .*half.png is another"; check "replay: another mask"
rm -r moved
mkdir others; "$make_pack" others/pair.safetensors width=8 alpha beta
IMPASTO_MODELS=others run replay made.png small.png -o result.png; refused 3 "the pack .*pair.safetensors is another.*--force"
check "replay: another pack"
IMPASTO_MODELS=others run replay made.png small.png --force -o forced.png; painted forced.png && ! cmp -s forced.png made.png
check "replay: another pack, forced"
rm -r others
IMPASTO_MODELS=nowhere run replay made.png small.png -o result.png; refused 3 "the pack 'pair.safetensors' .*not there; set"
check "replay: no pack"
# What a recipe says is looked at as what a stranger says: files by base name only, within bounds. (Same lengths: TIFF has offsets.)
"$impasto" paint small.png --style alpha -o made.tif >/dev/null
twist () { sed "s#$1#$2#" made.tif >twisted.tif; run replay twisted.tif small.png -o result.png; }
twist 'pair.safetensors' '../../etc/passwd'; refused 3 "no name of a file"; check "replay: a path for a pack"
twist '&quot;alpha&quot;' '\&quot;/tmp/\&quot;'; refused 3 "a style that is none"; check "replay: a path for a style"
twist '&quot;paint&quot;' '\&quot;erase\&quot;'; refused 3 "not one of impasto paint's"; check "replay: another command"
twist '&quot;seed&quot;:1' '\&quot;seed\&quot;:a'; refused 3 "not one of impasto paint's"; check "replay: no JSON"
twist '&quot;size&quot;' '\&quot;sise\&quot;'; refused 3 "sise"; check "replay: an unknown option"
twist '&quot;brush&quot;:1.0' '\&quot;brush\&quot;:9.0'; refused 3 "brush"; check "replay: a value out of range"
twist '&quot;seed&quot;:1' '[[[[[[[[[[[[[[[[[['; refused 3 "deeper"; check "replay: a deep recipe"

# --- Names of results ---

run paint small.png --style alpha; painted small-alpha.png; check "a name of its own making"
run paint small.png --style alpha; refused 4 "already"; check "which is not replaced"
run paint small.png --style alpha --overwrite; painted small-alpha.png; check "unless told so"
run paint small.png --style beta --format jpg --suffix _b; painted small_b.jpg; check "format and suffix"
cp small.png self.png; run paint self.png --style alpha -o self.png; refused 4 "itself" && cmp -s small.png self.png
check "never the photograph itself"
run paint small.png --style alpha -o result.gif; refused 2 "extension"; check "an unknown extension"
run paint small.png --style alpha --format gif; refused 2 "format"; check "an unknown format"
run paint small.png --style alpha -o missing/result.png; refused 4 "missing/result.png"
check "a folder that is not there"
run paint small.png --style alpha -o small.png/result.png; refused 4 "small.png"; check "a file for a folder"
mkdir folder.png; run paint small.png other.png --style alpha -o small.jpg; refused 2 "several"
check "several into one file"
mkdir locked; chmod a-w locked
if [ -w locked ]; then
  count=$((count + 1)); echo "ok $count - a read-only folder # SKIP root writes everywhere"
else
  run paint small.png --style alpha -o locked/result.png; refused 4 "locked/result.png"; check "a read-only folder"
fi
(ulimit -f 1; "$impasto" paint "$picture" --style alpha --size 200 -o result.png >out 2>err </dev/null); status=$?
refused 4 "result.png"; check "a disk that is full"

# --- Pictures that do not ---

run paint absent.jpg --style alpha -o result.png; refused 3 "absent.jpg: no such file"; check "missing"
: >empty.png; run paint empty.png --style alpha -o result.png; refused 3 "empty.png.*0 bytes"; check "empty"
head -c 500 small.png >cut.png; run paint cut.png --style alpha -o result.png; refused 3 "cut.png.*truncated"
check "truncated"
head -c 9000 "$picture" >cut.jpg; run paint cut.jpg --style alpha -o result.png; refused 3 "cut.jpg.*truncated"
check "truncated JPEG"
echo 'no picture' >text.png; run paint text.png --style alpha -o result.png; refused 3 "text.png.*not a picture"
check "text"
mkdir nothing; run paint nothing --style alpha -o painted; refused 3 "no pictures"; check "a folder without pictures"
# 65500 x 65500 in 45 bytes
{
  printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\377\334\0\0\377\334\010\002\0\0\0\034\065\201\114'
  printf '\0\0\0\0IEND\256B`\202'
} >bomb.png
run paint bomb.png --style alpha -o result.png; refused 3 "bomb.png"; check "a PNG bomb"
run paint "$picture" --style alpha --memory 60M -o result.png; refused 5 "MiB of memory, 60 MiB are allowed.*--size"
check "more memory than allowed"
run paint "$picture" --style alpha --memory 2X -o result.png; refused 2 "memory wants"; check "a memory size"

# --- Folders ---

mkdir -p tree/below
cp small.png tree/a.png; cp small.jpg tree/below/b.jpg; cp cut.png tree/bad.png; echo >tree/notes.txt
run paint tree --style alpha -o flat --progress json
[ $status = 3 ] && [ -s flat/a.png ] && [ ! -e flat/bad.png ] && [ ! -e flat/below ] && grep -q 'bad.png' err &&
  [ "$(grep -c '"event":"painted"' out)" = 1 ] && [ "$(grep -c '"event":"failed"' out)" = 1 ]
check "a folder: the bad one is reported, the rest is painted"
run paint tree --style beta -o order/
[ "$(cat out)" = order/a.png ] && run paint tree small.png other.png gamma.png --style beta -o order/ --overwrite
[ "$(tr '\n' ' ' <out)" = "order/a.png order/small.png order/other.png order/gamma.png " ]; check "in the order they were given"
run paint tree small.png other.png --style beta -o order/ --overwrite --memory 46M
[ -s order/other.png ]; check "with memory for one at a time"
rm tree/bad.png
run paint tree --recursive --style alpha -o deep; [ $status = 0 ] && [ -s deep/a.png ] && [ -s deep/below/b.jpg ]
check "with all that is below"
touch -d 2000-01-01 deep/a.png; cp tree/a.png tree/c.png
run paint tree -r --style alpha -o deep
[ $status = 0 ] && [ -s deep/c.png ] && [ -z "$(find deep/a.png -newer tree/c.png)" ] && grep -q '2 of 3' err
check "taken up where it was left"
run paint tree -r --style alpha -o tree/results; [ $status = 0 ] && run paint tree -r --style alpha -o tree/results
[ $status = 0 ] && [ ! -e tree/results/results ] && grep -q '3 of 3' err; check "results below are not painted again"
rm -r tree/results
run paint tree/a.png tree/below/b.jpg --style beta -o both/; [ $status = 0 ] && [ -s both/a.png ] && [ -s both/b.jpg ]
check "several into a folder"
mkdir twin; cp tree/a.png twin/; run paint tree/a.png twin/a.png --style beta -o twins/
[ $status = 4 ] && [ -s twins/a.png ] && grep -q 'written twice' err; check "two results of one name"

mkdir many; for i in $(seq 40); do cp gamma.png "many/$i.png"; done
"$impasto" paint many --style alpha --size 300 -o stopped --progress json >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do grep -q painted out && break; sleep 0.1; done
kill -INT $pid; wait $pid; status=$?
whole=0
for result in stopped/*.png; do tail -c 12 "$result" | grep -aq IEND && whole=$((whole + 1)); done
[ $status = 130 ] && grep -q stopped err && [ -z "$(find . -name '.impasto*')" ] && [ $whole -ge 1 ] &&
  [ $whole = "$(find stopped -type f | wc -l)" ] && [ $whole -lt 40 ]
check "Ctrl-C: whole files or none"

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
  grep -q '^2 543 810 parameters, 25 472 of them running' out; check "describe: a row a layer, parameters as Keras counts"
run describe dcgan-28 --conditional concatenation; [ $status = 7 ] && grep -q 'wants classes' err
check "describe: a conditional network without classes"
run describe gamma; [ $status = 0 ] && grep -q 'CC0-1.0' out && grep -q 'res1.conv1' out; check "describe a style"
for format in graph dot plan; do
  run describe models/one.safetensors --size 32 --format $format; [ $status = 0 ] && grep -q 'conv2d' out
check "describe a pack as $format"
done
run describe nonsense; refused 2 "no pack"; check "describe nothing"

# --- Training ---

mkdir photos
for size in 96 97 98; do "$impasto" paint "$picture" --style alpha --size $size -o photos/$size.png >/dev/null; done
"$make_pack" --features vgg.safetensors
run train gan --steps 1; refused 2 "wants --data"; check "train gan: data are wanted"
run train gan --data photos --preset dcgan-64 --width 0.05 --latent 8 --batch 2 --steps 2 --translation --r1 1 -o drawer.safetensors
[ $status = 0 ] && [ -s drawer.safetensors ]; check "train gan: a generator of crops"
run generate drawer.safetensors -n 6 --columns 3 -o drawn.png; [ $status = 0 ] && [ "$(cat out)" = drawn.png ] && painted drawn.png
check "generate: a sheet"
cp drawn.png before.png
run generate drawer.safetensors -n 6 --columns 3 -o drawn.png; [ $status = 4 ] && grep -q overwrite err
check "generate: a file that is there"
run generate drawer.safetensors -n 6 --columns 3 -o drawn.png --overwrite; [ $status = 0 ] && cmp -s drawn.png before.png
check "generate: the same again"
run generate drawer.safetensors -n 3 -o singly/; [ $status = 0 ] && painted singly/000002.png && [ "$(ls singly | wc -l)" = 3 ]
check "generate: pictures one by one"
run generate drawer.safetensors -n 3 -o drawn.idx; refused 2 "grey"; check "generate: colours in an IDX file"
run generate drawer.safetensors --class 1 -o no.png; refused 2 "no classes"; check "generate: a class of none"
run generate models/one.safetensors -o no.png; [ $status = 3 ] && grep -q 'holds a network "style"' err && [ ! -e no.png ]
check "generate: another network's file"
rm -r runs
set -- train style "$picture" --photos photos --features vgg.safetensors --size 64 --painting-size 128 --batch 1 \
  --width 4 --inner 8 --residuals 1 --judge-width 4 --names learned
run train style "$picture" --photos photos; [ $status != 0 ] && [ "$(wc -l <err)" = 1 ] && grep -q 'features' err
check "train: features are wanted"
"$make_pack" --perceptual models/perceptual.safetensors
run train style "$picture" --photos photos --size 64 --painting-size 128 --batch 1 --width 4 --inner 8 --residuals 1 \
  --judge-width 4 --names eye --steps 1 -o own.safetensors
[ $status = 0 ] && [ -s own.safetensors ] && grep -q models/perceptual.safetensors runs/*/recipe.json
check "train: the eye that ships"
rm -r runs models/perceptual.safetensors
run train style "$picture" --photos nowhere --features vgg.safetensors; [ $status = 3 ] && grep -q nowhere err
check "train: photographs are wanted"
run "$@" --steps 2 -o models/learned.safetensors --progress json
[ $status = 0 ] && [ "$(grep -c '"event":"step"' out)" = 2 ] && [ -s models/learned.safetensors ]; check "train: a pack"
run paint small.png --style learned -o learned.png; painted learned.png; check "train: that paints"
cp models/learned.safetensors before
run train style "$picture" --into models/learned.safetensors --photos photos --features vgg.safetensors --size 64 \
  --painting-size 128 --batch 1 --names further --steps 1 -o further.safetensors
[ $status = 0 ] && cmp -s models/learned.safetensors before && grep -q learned further.safetensors
check "train: a style joins a pack, which stays as it was"
run paint small.png --style further.safetensors:further -o further.png; painted further.png; check "train: that paints too"
"$impasto" "$@" --steps 100000 -o never.safetensors --progress json >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do grep -q '"step":2,' out && break; sleep 0.1; done
kill -INT $pid; wait $pid; status=$?
folder=$(sed -n 's/.*--resume \([^ ]*\).*/\1/p' err)
[ $status = 130 ] && [ -d "$folder" ] && [ ! -e never.safetensors ] && ls "$folder"/network-*.safetensors >/dev/null
check "train: Ctrl-C saves a checkpoint and says how to go on"
last=$(sed -n 's/.*"step":\([0-9]*\),.*/\1/p' out | tail -n 1)
: >out # or the steps of the run before would be taken for this one's
"$impasto" "$@" --steps 100000 -o never.safetensors --progress json --resume "$folder" >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do grep -q '"step":' out && break; sleep 0.1; done
kill -TERM $pid; wait $pid; status=$?
[ $status = 130 ] && [ "$(sed -n 's/.*"step":\([0-9]*\),.*/\1/p' out | head -n 1)" = $((last + 1)) ]
check "train: goes on from there"

# --- Figures ---

mkdir painted wanted
cp small.png painted/a-alpha.png; cp other.png painted/b.png; cp small.jpg wanted/a.jpg; cp other.png wanted/b.png
run eval small.png --against small.png
[ $status = 0 ] && [ ! -s err ] && grep -q '^picture .*psnr .*ssim .*mean_difference .*max_difference$' out &&
  grep -Eq '^small.png +inf +1 +0 +0$' out
check "eval: a picture against itself"
run eval painted --against wanted --json
[ $status = 0 ] && [ ! -s err ] && [ "$(wc -l <out)" = 2 ] && grep -q '"picture":"painted/a-alpha.png","width":40,"height":30,"psnr":[0-9]' out &&
  grep -q 'b.png.*"psnr":null,"ssim":1' out
check "eval: folders by name, as JSON"
run eval painted/a-alpha.png painted/b.png --against wanted --tile 16x16
[ $status = 0 ] && [ "$(wc -l <out)" = 4 ] && grep -q '^a-alpha.png ' out && grep -q '^mean ' out && grep -q 'worst_seam' out
check "eval: a table with a mean, and seams"
run eval painted --style-image "$picture" --style-size 64 --content wanted --features vgg.safetensors
[ $status = 0 ] && [ ! -s err ] && grep -q 'style_distance .*palette_distance .*content_distance' out && grep -Eq '^b.png .* 0$' out
check "eval: distance from a style and a photograph"
run eval tiny.png --style-image small.png --style-size 0 --content tiny.png --features vgg.safetensors; [ $status = 0 ]
check "eval: a tiny picture"
run eval small.png other.png --against gamma.png
[ $status = 0 ]; check "eval: several against one"
mkdir -p reals/x samples/x
for i in 1 2 3 4 5; do
  run paint "$picture" --style beta --size $((40 + i * 7)) --overwrite -o reals/x/$i.png
  run paint "$picture" --style gamma --size $((40 + i * 7)) --overwrite -o samples/x/$i.png
done
cp reals/x/3.png samples/x/copy.png
run eval samples/x --reals reals/x --crop 16 --features vgg.safetensors --nearest 1
[ $status = 0 ] && grep -q '^all *5 *6 ' out && grep -q '^0  samples/x/copy.png  reals/x/3.png$' out
check "eval: a set of samples, the copy among them named"
run eval samples --reals reals --classes --crop 16 --features vgg.safetensors --json
[ $status = 0 ] && grep -q '"set":"x","reals":5,"samples":6,"frechet":' out; check "eval: sets by class, as JSON"
run eval samples/x --reals nowhere --features vgg.safetensors; refused 3 "nowhere"
check "eval: no such set"
run eval samples/x --reals reals/x --content small.png; refused 2 "set as a whole"; check "eval: two kinds at once"
rm -r reals samples
run eval small.png --against "$picture"; refused 3 "40x30, but .*--preview"; check "eval: sizes that differ"
run eval small.png --against "$picture" --preview; [ $status = 0 ] && grep -q 'was scaled to 40x30' err
check "eval: a preview"
cp cut.png painted/c.png; cp small.png wanted/c.png; cp small.png painted/d.png
run eval painted --against wanted; [ $status = 3 ] && [ "$(wc -l <out)" = 4 ] && [ "$(wc -l <err)" = 2 ] &&
  grep -q 'c.png.*truncated' err && grep -q 'd.png: there is no picture of its name in wanted' err
check "eval: bad ones are reported, the rest is measured"
run eval small.png --content small.png; refused 3 "no perceptual.safetensors in .*--features"; check "eval: no eye"
run eval small.png --content small.png --features models/one.safetensors; refused 3 "one.safetensors: holds a network"
check "eval: an eye that is none"
run eval small.png; refused 2 "something to hold pictures against"; check "eval: against nothing"
run eval; refused 2 "eval wants pictures"; check "eval: nothing"
run eval small.png --tile big; refused 2 "tile wants WIDTHxHEIGHT"; check "eval: tiles that are none"
run eval small.png --tile 4 --preview; refused 2 "preview goes with --against"; check "eval: a preview of nothing"
run eval absent.png --tile 4; refused 3 "absent.png: no such file"; check "eval: missing"

echo "1..$count"
exit $failed
