#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_cli_train.sh IMPASTO MAKE_PACK PICTURE: training from the command's side: what it writes, and how it stops and goes on.
. "$(dirname "$0")/cli.sh"
small_picture

# same_pixels PICTURE OTHER
same_pixels () {
  "$impasto" eval "$1" --against "$2" | grep -q ' inf '
}

# --- Training ---

mkdir photos
for size in 96 97 98; do "$impasto" paint "$picture" --style alpha --size $size -o photos/$size.png >/dev/null; done
"$make_pack" --perceptual eye.safetensors
run train gan --steps 1; refused 2 "wants --data"; check "train gan: data are wanted"
run train gan --data photos --preset dcgan-64 --width 0.05 --latent 8 --batch 2 --steps 2 --translation --r1 1 -v -o drawer.safetensors
[ $status = 0 ] && [ -s drawer.safetensors ]; check "train gan: a generator of crops"
grep -Eq '^impasto: (f32|bf16), [1-9][0-9]* threads?$' err && grep -q '^impasto: [0-9.]* s a step, peak memory [1-9][0-9]* MiB$' err &&
  grep -q '^impasto: 2 steps in ' err; check "train: what it took"
run train gan --data photos --preset dcgan-64 --steps 1 -o result.png; refused 2 'ends in .safetensors'; check "train: a result called otherwise"
cp drawer.safetensors kept
run train gan --data photos --preset dcgan-64 --steps 1 -o drawer.safetensors
[ $status = 4 ] && grep -q 'overwrite' err && cmp -s kept drawer.safetensors; check "train: a file that is there"
run train gan --resume runs/00001-gan -o kept; refused 2 'kept: the result.s name ends in .safetensors'
check "train: a file that is there under no name for a result"; cp drawer.safetensors kept.safetensors
run train gan --resume runs/00001-gan -o kept.safetensors; [ $status = 4 ] && grep -q overwrite err; check "train: a run that goes on, into a file that is there"
run train gan --data photos --preset dcgan-64 --width 0.05 --latent 8 --batch 2 --steps 2 --save-every 1 --runs told --progress json
sed 's/"event":"\([a-z]*\)".*/\1/; s/^{//' out | uniq | tr '\n' ' ' >events
[ $status = 0 ] && [ ! -s err ] && [ "$(cat events)" = "start message checkpoint step checkpoint step checkpoint message finished " ] &&
  grep -q '^{"event":"start","folder":"told/00001-gan","step":0,"steps":2,"output":"told/00001-gan/result.safetensors",' out &&
  grep -q '^{"event":"message","step":0,"message":"started at step 0 of 2, ' out &&
  grep -q '^{"event":"checkpoint","step":1,"file":"told/00001-gan/network-000001.safetensors"}$' out &&
  [ "$(tail -n 1 out)" = '{"event":"finished","step":2,"folder":"told/00001-gan","output":"told/00001-gan/result.safetensors","steps":2}' ]
check "train: a JSON line an event"
run train gan --resume told/00001-gan --steps 3 --progress json
[ $status = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q '^{"event":"failed","step":0,"message":".*the recipe has changed.*","code":2}$' out
check "train: a failure as JSON"; rm -r told
run train gan stray --data photos --preset dcgan-64 --steps 1; refused 2 "no 'stray'"; check "train gan: a word too many"
run generate drawer.safetensors -n 6 --columns 3 -o drawn.png; [ $status = 0 ] && [ "$(cat out)" = drawn.png ] && painted drawn.png
check "generate: a sheet"
cp drawn.png before.png
run generate drawer.safetensors -n 6 --columns 3 -o drawn.png; [ $status = 4 ] && grep -q overwrite err
check "generate: a file that is there"
run generate drawer.safetensors -n 6 --columns 3 -o drawn.png --overwrite; [ $status = 0 ] && cmp -s drawn.png before.png
check "generate: the same again"
run generate drawer.safetensors --interpolate 2 -n 2 -o walk.webp -q; run paint walk.webp --style alpha -o still.png
[ $status = 0 ] && [ -s still.png ] && grep -q 'walk.webp: has 4 frames' err; check "paint: frames that are not painted are told"
run generate drawer.safetensors -n 6 -q -o quiet.png; painted quiet.png && [ ! -s out ]; check "generate: quietly"
run generate drawer.safetensors -n 3 -o singly/; [ $status = 0 ] && painted singly/000002.png && [ "$(ls singly | wc -l)" = 3 ]
check "generate: pictures one by one"
run generate drawer.safetensors -n 3 -o drawn.idx; refused 2 "grey"; check "generate: colours in an IDX file"
mkdir -p kinds/1 kinds/2 kinds/cat; for kind in 1 2 cat; do cp photos/*.png kinds/$kind; done
run train gan --data kinds --preset dcgan-64 --width 0.05 --latent 8 --batch 2 --steps 1 --conditional concatenation --runs kind-runs -o kinds.safetensors
grep -q '^impasto: learns from 9 pictures in 3 classes of kinds$' err && grep -q '  learns from 9 pictures in 3' kind-runs/00001-gan/log.txt
check "train gan: how many pictures there are"
mkdir single; cp photos/96.png single; run train gan --data single --preset dcgan-64 --width 0.05 --latent 8 --steps 1 --runs kind-runs -q -o single.safetensors
grep -q 'learns from 1 picture of single, fewer than a batch of 64: ' kind-runs/00002-gan/log.txt; check "train gan: one picture"
rm -r kind-runs/00002-gan
grep -q 'labels: 9 pictures are too few to tell' kind-runs/00001-gan/log.txt; check "train gan: too few pictures to doubt labels"
for model in kinds.safetensors kind-runs/00001-gan; do
  run describe $model; [ $status = 0 ] && grep -q '^classes *1, 2, cat$' out; check "describe: the classes of $model"
  for class in 0 1 2 cat; do run generate $model --class $class -n 2 -q --overwrite -o class-$class.png; done
  cmp -s class-0.png class-1.png && ! cmp -s class-1.png class-2.png && ! cmp -s class-2.png class-cat.png
  check "generate: a class by its name before its number"
done
run train classifier --data kinds --size 32 --channels 3 --batch 4 --hold 3 --steps 2 --runs kind-runs -o reader.safetensors
run export kind-runs/00002-classifier -o reader2.safetensors
for model in reader.safetensors kind-runs/00002-classifier reader2.safetensors; do
  run describe $model
  [ $status = 0 ] && grep -q '^layer1.*(1, 16, 32, 32)' out && grep -q '^training .*"class-names":\["1","2","cat"\]' out
  check "describe: a classifier, $model"
done
run describe classifier; grep -q '^layer1.*(1, 16, 28, 28)' out; check "describe: the network of a classifier"
run describe reader.safetensors --size 64; grep -q '^layer1.*(1, 16, 64, 64)' out; check "describe: a classifier at a size"
run generate kinds.safetensors --class dog -o no.png; refused 2 "has no class 'dog'"; check "generate: no class of that name"
run generate kinds.safetensors -n 6 -q -o by-class/; [ "$(ls by-class | tr '\n' ' ')" = "1 2 cat " ] && painted by-class/cat/000002.png
check "generate: folders of classes"
run generate drawer.safetensors --class 1 -o no.png; refused 2 "no classes"; check "generate: a class of none"
run export drawer.safetensors -o drawer.h5; [ $status = 0 ] && [ "$(cat out)" = drawer.h5 ] && [ ! -s err ]
check "export: a generator for Keras"
run describe drawer.h5; [ $status = 0 ] && grep -q '^values *-1..1' out && grep -q '^conv2d_transpose_2 ' out && [ ! -s err ]
check "describe: a model of Keras"
run generate drawer.h5 -n 6 --columns 3 -o keras.png; [ $status = 0 ] && [ "$(size_of keras.png)" = "$(size_of drawn.png)" ]
check "generate: from a model of Keras"
run export drawer.h5 -o drawer.onnx; [ $status = 0 ] && run run drawer.onnx --info && grep -q 'input  z: float (batch, 8)' out
check "export: a model of Keras as ONNX"
run run drawer.h5 --info; [ $status = 0 ] && grep -q 'output  picture: float (batch, 64, 64, 3)' out; check "run: a model of Keras"
run export drawer.safetensors --judge drawer.safetensors -o judge.h5; refused 3 'conv1: a weight is missing'
check "export: a judge that is not there"
run generate runs/00001-gan -n 6 --columns 3 -o latest.png; [ $status = 0 ] && painted latest.png
check "generate: from a run's latest checkpoint"
run generate 1 -n 6 --columns 3 -o number.png; [ $status = 0 ] && cmp -s number.png latest.png; check "generate: from a run by its number"
run generate 00001-gan -n 6 --columns 3 -o name.png; [ $status = 0 ] && cmp -s name.png latest.png; check "generate: by its name"
run generate 9 -o no.png; refused 3 "there is no run 9 in runs/; impasto runs lists them"; check "generate: no run of that number"
cp -r runs/00001-gan 'gan,9'; run generate 'gan,9' -n 6 --columns 3 -o number.png --overwrite; [ $status = 0 ] && cmp -s number.png latest.png
check "generate: from a run's folder with a comma in its name"; rm -r 'gan,9'
mkdir 1; run generate 1 -n 6 --columns 3 -o number.png --overwrite; [ $status = 0 ] && cmp -s number.png latest.png
check "generate: a folder that is no run does not stop the number"
rmdir 1; echo text >1; run generate 1 -o no.png; refused 3 "1: is no model"; check "generate: a file comes first"; rm 1
cp -r runs/00001-gan runs/00001-style; run generate 1 -o no.png; refused 2 "run 1 is 00001-gan or 00001-style"
check "generate: two runs with one number"; rm -r runs/00001-style
cp -r runs/00001-gan runs/00008-gan; for damaged in runs/00008-gan/network-*; do echo text >"$damaged"; done
run describe 8; refused 3 "runs/00008-gan/network-000002.safetensors"; check "describe: a run whose checkpoints cannot be read"
run paint small.png --style 1 -o result.png; refused 3 "runs/00001-gan: is a run of train gan"; check "paint: a run that paints nothing"
rm -r runs/00008-gan
run describe 1; cp out by_number; run describe runs/00001-gan; [ $status = 0 ] && cmp -s out by_number; check "describe: a run by its number"
echo text >1; run train gan --resume 1 -o resumed.safetensors; [ $status = 0 ] && [ -s resumed.safetensors ] && grep -q 'runs/00001-gan' err
rm 1; check "train gan: a run goes on by its number"
cp -r runs/00001-gan runs/00008-gan; rm runs/00008-gan/network-*; run generate 8 -o result.png
refused 3 "runs/00008-gan: holds no checkpoint network-.* yet"; check "generate: a run that has saved nothing yet"; rm -r runs/00008-gan
mkdir elsewhere; cp -r runs/00001-gan elsewhere/00005-gan; run train gan --resume 5 --runs elsewhere -o fifth.safetensors
[ $status = 0 ] && [ -s fifth.safetensors ] && grep -q 'elsewhere/00005-gan' err; check "train gan: by its number in another folder"
run train gan --resume 7 --runs elsewhere; refused 3 "there is no run 7 in elsewhere/"; check "train gan: no run of that number"
run train gan --data photos --preset dcgan-64 --width 0.05 --latent 8 --batch 2 --steps 1 --start 5 --runs elsewhere -o started.safetensors
[ $status = 0 ] && grep -q '"start" : ".*elsewhere/00005-gan"' elsewhere/00006-gan/recipe.json; check "train gan: begins with a run by its number"
rm -r elsewhere
cp runs/00001-gan/network-000002.safetensors kept.safetensors
for target in runs/00001-gan/network-000002.safetensors runs/00001-gan/network-000009.safetensors kept.safetensors; do
  run train gan --resume 1 -o $target --overwrite; refused 2 "is a checkpoint of .*run.*; choose another name with -o" &&
    run export drawer.safetensors -o $target --overwrite; refused 2 "is a checkpoint of .*run.*; choose another name with -o" &&
    cmp -s kept.safetensors runs/00001-gan/network-000002.safetensors && [ ! -e runs/00001-gan/network-000009.safetensors ]
  check "train, export: not over $target"
  run train gan --resume 1 -o $target; refused 2 "is a checkpoint of .*run.*; choose another name with -o" &&
    run export drawer.safetensors -o $target; refused 2 "is a checkpoint of .*run.*; choose another name with -o"
  check "train, export: $target, and --overwrite is not advised"
done
run export runs/00001-gan -o drawer2.safetensors; [ $status = 0 ] && cmp -s drawer.safetensors drawer2.safetensors ||
  run generate drawer2.safetensors -n 6 --columns 3 -o exported.png; [ $status = 0 ]; check "export: a model of a run"
run export runs/00001-gan/network-000002.safetensors -o runs/00001-gan/network-000002.safetensors --overwrite
refused 2 "is a checkpoint of run 00001-gan"; check "export: not over the checkpoint that it reads"
cp drawer.safetensors one.safetensors; ln one.safetensors same.safetensors; run export one.safetensors -o same.safetensors --overwrite
refused 2 "would be replaced"; check "export: not over what it reads"
run train gan --resume runs/00001-gan --rate 0.5; refused 2 'the recipe has changed'; check "train gan: a resumed run's recipe"
run train translate --resume runs/00001-gan; refused 2 'is a run of impasto train gan'; check "train translate: a gan run"
run train translate --photos photos --paintings photos --method cut --loss hinge; refused 2 'least squares'
check "train translate: a loss that it has not"
run export drawer.safetensors -o drawer.xyz; refused 2 "ends in .onnx, for Keras"; check "export: a generator in no such form"
head -c 3000 drawer.h5 >cut.h5; run describe cut.h5; refused 3 "no good HDF5 file\|not a good HDF5 file"; check "a model of Keras, cut off"
mkdir -p below/photos; cp photos/*.png below/photos # also what is in folders below is learnt from
set -- train arbitrary small.png --photos below --encoder eye.safetensors --size 32 --batch 1 --keys 4 --residuals 0 --steps 1
run "$@" -o any.safetensors; number=$(ls runs | sed -n 's/^0*\([1-9][0-9]*\)-arbitrary$/\1/p')
run describe "$number"; [ $status = 0 ] && grep -q '^network *arbitrary' out; check "describe: a run of train arbitrary"
run export "$number" -o latest.safetensors
for made in any latest; do
  cp $made.safetensors models/arbitrary.safetensors
  run paint small.png --style-image "$picture" --style-size 64 --brushwork none -o $made.png
done
[ $status = 0 ] && same_pixels any.png latest.png; check "export: a run of train arbitrary, which paints as its end does"
rm models/arbitrary.safetensors; run "$@" --start "$number" -o more.safetensors; [ $status = 0 ] && [ -s more.safetensors ]
check "train arbitrary: begins with a run by its number"
run "$@" --start 1; refused 3 "runs/00001-gan: is a run of train gan; arbitrary is wanted"; check "train arbitrary: with another's run"
run generate models/one.safetensors -o no.png; [ $status = 3 ] && grep -q 'holds a network "style"' err && [ ! -e no.png ]
check "generate: another network's file"
run train translate --photos photos --paintings photos --method cut --size 48 --filters 4 --blocks 1 --steps 1 -o turned.safetensors
[ $status = 0 ] && [ -s turned.safetensors ]; check "train translate: a pack"
run paint photos/96.png --style turned.safetensors -o turned.png; [ $status = 0 ] && painted turned.png
check "train translate: the pack paints"
run paint photos/96.png --style runs/*-translate -o going.png; [ "$status" = 0 ] && [ "$(size_of going.png)" = "$(size_of turned.png)" ]
check "paint: a run's latest checkpoint"
run replay going.png photos/96.png -o result.png; painted result.png && cmp -s result.png going.png; check "replay: of a run's painting"
mkdir moved; cp going.png moved/; (cd moved && "$impasto" replay going.png ../photos/96.png -o result.png >../out 2>../err); status=$?
rm result.png; refused 3 "going.png: the pack of run [0-9]*-translate 'network-000001.safetensors' .* is not there; replay it in the folder"
check "replay: of a run that is elsewhere"
for place in models moved .; do
  cp runs/*-translate/network-000001.safetensors $place
  (cd moved && "$impasto" replay going.png ../photos/96.png -o again.png >../out 2>../err); status=$?
  rm $place/network-000001.safetensors
  if [ $place = . ]; then [ $status = 3 ]; else [ $status = 0 ] && same_pixels moved/again.png going.png; fi; check "replay: its checkpoint in $place"
done
(cd moved && "$impasto" replay ../going.png ../photos/96.png -o again.png >../out 2>../err); status=$?
[ $status = 0 ] && cmp -s moved/again.png going.png; check "replay: of a run beside the painting"
run paint photos/96.png --style runs/*-translate/network-000001.safetensors -o made.tif -q
another_run () { sed "s#&quot;run&quot;:&quot;000#\&quot;run\&quot;:\&quot;$1#" made.tif >twisted.tif; run replay twisted.tif photos/96.png -o result.png; }
another_run ../; refused 3 "no name of a folder"; check "replay: a path for a run"
another_run 999; refused 3 "the pack of run 999[0-9]*-translate .* is not there; replay it in the folder"; check "replay: a run that is gone"
kept=$(ls runs/*-translate/network-000001.safetensors); cp turned.safetensors "${kept%/*}/result.safetensors"
run paint photos/96.png --style "${kept%/*}/result.safetensors" -o ended.png; run replay ended.png photos/96.png -o result.png
painted result.png && cmp -s result.png ended.png; check "replay: of the result of a run"; rm -f result.png "${kept%/*}/result.safetensors"
mkdir .ck; cp "${kept%/*}/recipe.json" "$kept" .ck; run paint photos/96.png --style ./.ck -o hidden.png; cp .ck/*.safetensors models
mv "$kept" kept.safetensors; run replay hidden.png photos/96.png -o result.png; painted result.png && same_pixels result.png going.png
check "replay: a run whose folder has no name that a recipe may have"; rm -r result.png .ck models/network-000001.safetensors
cp turned.safetensors "$kept"; run replay going.png photos/96.png -o result.png
refused 3 "the pack of run .* is another than it was painted with .*--force takes it; --style .*runs/.*-translate:.* paints by its latest"
check "replay: of a run whose checkpoint is another"
deep=$(printf '%0220d' 0); mkdir -p "$deep/$deep"; cp -r going.png runs "$deep"; cp -r going.png runs "$deep/$deep"
(cd moved && "$impasto" replay "../$deep/going.png" ../photos/96.png -o result.png >../out 2>../err); status=$?
refused 3 "--style ../$deep/runs/[0-9]*-translate:.* paints by its latest"; check "replay: a long path that is advised is whole"
(cd moved && "$impasto" replay "../$deep/$deep/going.png" ../photos/96.png -o result.png >../out 2>../err); status=$?
refused 3 "--force takes it$"; check "replay: a longer one is left out"; rm -r "$deep"
rm "$kept"; run replay going.png photos/96.png -o result.png
refused 3 "network-000001.safetensors' .* is not there; replay it in the folder that holds that of the run, or name a style with --style"
check "replay: of a run whose checkpoint is gone"
mv kept.safetensors "$kept"; rm -r moved
number=$(ls runs | sed -n 's/^0*\([1-9][0-9]*\)-translate$/\1/p')
run paint photos/96.png --style "$number" -o number.png; [ "$status" = 0 ] && cmp -s number.png going.png; check "paint: a run by its number"
run explain "$picture" --judge "$number" -o opinion.png; [ $status = 0 ] && [ -s opinion.png ] && grep -q 'the judge of runs/0.*-translate/' err
check "explain: the judge of a run by its number"
"$make_pack" models/numbers.safetensors width=4 "$number"; run paint photos/96.png --style "$number" -o style.png
[ "$status" = 0 ] && ! cmp -s style.png going.png; check "paint: but a style comes first"
rm models/numbers.safetensors
run export "$number" -o exported.safetensors; [ $status = 0 ] &&
  run paint photos/96.png --style exported.safetensors -o exported.png && same_pixels exported.png turned.png
check "export: a run of train translate as a pack"
rm -r runs
set -- train style "$picture" --photos photos --features eye.safetensors --size 64 --painting-size 128 --batch 1 \
  --width 4 --inner 8 --residuals 1 --judge-width 4 --names learned
run train style "$picture" --photos photos; [ $status != 0 ] && [ "$(wc -l <err)" = 1 ] && grep -q 'features' err
check "train: features are wanted"
"$make_pack" --perceptual models/perceptual.safetensors
run train style "$picture" --photos photos --size 64 --painting-size 128 --batch 1 --width 4 --inner 8 --residuals 1 \
  --judge-width 4 --names eye --steps 1 -o own.safetensors
[ $status = 0 ] && [ -s own.safetensors ] && grep -q models/perceptual.safetensors runs/*/recipe.json
check "train: the eye that ships"
rm -r runs models/perceptual.safetensors
run train style "$picture" --photos nowhere --features eye.safetensors; [ $status = 3 ] && grep -q nowhere err
check "train: photographs are wanted"
run "$@" --steps 2 -o models/learned.safetensors --progress json
[ $status = 0 ] && [ "$(grep -c '"event":"step"' out)" = 2 ] && [ -s models/learned.safetensors ]; check "train: a pack"
run paint small.png --style learned -o learned.png; painted learned.png; check "train: that paints"
cp models/learned.safetensors before
run train style "$picture" --into models/learned.safetensors --photos photos --features eye.safetensors --size 64 \
  --painting-size 128 --batch 1 --names further --steps 1 -o further.safetensors
[ $status = 0 ] && cmp -s models/learned.safetensors before && grep -q learned further.safetensors
check "train: a style joins a pack, which stays as it was"
run train style "$picture" --into 1 --photos photos --features eye.safetensors --names more
refused 2 "runs/00001-style: is of a run, .* impasto export runs/00001-style -o PACK"; check "train: a style does not join a run, which changes"
run paint small.png --style further.safetensors:further -o further.png; painted further.png; check "train: that paints too"
into=$(grep -l '"into" : "' runs/*/recipe.json); into=${into%/recipe.json}
run paint small.png --style "$into:further:0.5,$into:learned:0.5" -o mixed.png; painted mixed.png
check "paint: a style of a run beside those of the pack that it joins"
number=$(echo "${into#runs/}" | sed 's/^0*//; s/-.*//')
run paint small.png --style "$number:further:0.5,$number:learned:0.5" -o again.png; painted again.png && cmp -s again.png mixed.png
check "paint: the same by its number"
set_of_regions="small.png=$into:further@0.5;small.png=$into:learned:1,$into:further:2"
run paint small.png --style "$into:learned" --region "$set_of_regions" -o regions.png; painted regions.png; check "paint: regions in styles of a run"
run paint small.png --style "$number:learned" --region "small.png=$number:further@0.5" --region "small.png=$number:learned:1,$number:further:2" -o again.png
painted again.png && cmp -s again.png regions.png; check "paint: the same by its number"
run paint small.png --style "$number:learned" --region "small.png=9:further" -o result.png; refused 3 "there is no run 9 in runs/"; check "paint: a region of a run that is not there"
run paint small.png --style 1 --region small.png=1@0.5 -o again.png; painted again.png; check "paint: a region by the number of a run of one style"
run paint small.png --style "${into#runs/}:further:0.5,learned:0.5" -o again.png; painted again.png && cmp -s again.png mixed.png
check "paint: the same by its name"
run export --style "$number:further" -o further.onnx; [ $status = 0 ] && run export "$number" --style further -o twice.onnx &&
  cmp -s further.onnx twice.onnx; check "export: a style of a run by its number"
"$make_pack" digits.safetensors width=4 one 1889; run paint small.png --style "digits.safetensors:one:1,1889:2" -o numbers.png
painted numbers.png; check "paint: a style whose name is a number in a mix is no run"
run paint small.png --style digits.safetensors:one --region small.png=1889 -o numbers.png; painted numbers.png
check "paint: nor is that of a region where there is no such run"; rm digits.safetensors
run describe "$number:further"; [ $status = 0 ] && cp out of_style && run describe "$number" && cmp -s out of_style; check "describe: likewise"
run describe "$number:nothing"; refused 2 "has no style nothing; it has learned, further"; check "describe: a style that the run lacks"
run bench "$number:further" --size 32x32 --runs 1; [ $status = 0 ] && grep -q 'net ' out; check "bench: likewise"
run export "$into" -o again.safetensors; [ $status = 0 ] && run paint small.png --style again.safetensors:further -o again.png &&
  same_pixels again.png further.png; check "export: a run of train style as a pack"
cp further.safetensors models/learned2.safetensors; cp models/learned.safetensors before; cp further.safetensors models/learned.safetensors
run paint small.png --style "$into:further" -o result.png; refused 3 'has a style further already'; check "paint: a run whose pack has its style by now"
"$make_pack" models/learned.safetensors width=4 other; run export "$into" -o result.safetensors
[ $status = 3 ] && [ ! -e result.safetensors ]; check "export: a run whose pack is another by now"
cp before models/learned.safetensors; rm models/learned2.safetensors
run paint small.png --style "$into" -o result.png; refused 2 'holds 2 styles'; check "paint: a run of several styles, none chosen"
run export "$into" --judge x --opset 17 -o result.safetensors; refused 2 'as a whole'; check "export: options that a pack has no use for"
run export "$into" --style further -o again.safetensors --overwrite; refused 2 'as a whole'; check "export: one style of a run"
stop_at '"event":"step","step":2,' INT "$@" --steps 100000 -o never.safetensors --progress json
folder=$(sed -n 's/.*--resume \([^ ]*\).*/\1/p' err)
[ $status = 130 ] && [ -d "$folder" ] && [ ! -e never.safetensors ] && ls "$folder"/network-*.safetensors >/dev/null
check "train: Ctrl-C saves a checkpoint and says how to go on"
tail -n 1 out | grep -q '^{"event":"stopped",.*"message":"stopped after step .*go on with --resume '; check "train: which is an event"
last=$(sed -n 's/.*"event":"step","step":\([0-9]*\),.*/\1/p' out | tail -n 1)
stop_at '"event":"step"' TERM "$@" --steps 100000 -o never.safetensors --progress json --resume "$folder"
[ $status = 130 ] && [ "$(sed -n 's/.*"event":"step","step":\([0-9]*\),.*/\1/p' out | head -n 1)" = $((last + 1)) ]
check "train: goes on from there"
(trap '' HUP; stop_at '"event":"step","step":1,' HUP "$@" --steps 30 -o hung.safetensors --progress json; [ $status = 0 ]) && [ -s hung.safetensors ]
check "train: under nohup a terminal that closes stops nothing"

end_of_cases
