#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_cli.sh IMPASTO MAKE_PACK PICTURE: what the command says of itself, of styles, data and runs, and what it answers to wrong words.
. "$(dirname "$0")/cli.sh"

"$make_pack" nan.safetensors nan=res1.conv1.weight bad && "$make_pack" drop.safetensors drop=out.bias bad &&
  "$make_pack" shape.safetensors misshape=down2.conv.weight bad &&
  "$make_pack" huge.safetensors huge=down1.conv.weight bad
status=$?
[ $status = 0 ]; check "packs for the tests"

# --- What it says about itself ---

run --version; [ $status = 0 ] && grep -q '^impasto [0-9]' out && grep -q 'oneDNN.*thread' out; check "version"
cp out version; run -V; [ $status = 0 ] && cmp -s out version; check "version, by its letter"
run; [ $status = 2 ] && grep -q 'paint ' out; check "no command: an overview"
cp out overview
for words in help --help -h "help --help" "help -h" "help help"; do
  run $words; [ $status = 0 ] && cmp -s out overview; check "$words: the overview"
done
for command in paint replay styles train bench describe export run eval generate data runs explain; do
  run $command --help
  [ $status = 0 ] && [ "$(head -n 2 out | grep -c "^  impasto $command")" = 2 ] && [ "$(awk 'length > 120' out)" = "" ]
  check "$command --help: two examples on top"
  cp out help; run help $command; [ $status = 0 ] && cmp -s out help; check "help $command: the same"
done
run train style --help; [ $status = 0 ] && grep -q -- '--photos' out && grep -q -- '--resume' out
check "help of a recipe"
cp out help; for words in "help train style" "help train style --help"; do
  run $words; [ $status = 0 ] && cmp -s out help; check "$words: the same"
done
for recipe in style:2400,.with.--into.300 predictor:3000 arbitrary:2400 perceptual:2400 gan:5000 translate:20000,.of.the.pairs.4000 \
  classifier:2000; do
  run train ${recipe%%:*} --help; [ $status = 0 ] && [ "$(grep -c "^  impasto train" out)" -le 2 ] &&
    head -n 1 out | grep -q "^  impasto train ${recipe%%:*} " && grep -q "^impasto train ${recipe%%:*} .*\[-o " out &&
    grep -q -e "--steps N .*training steps; 0 = ${recipe#*:} (" out
  check "help of train ${recipe%%:*}: its own examples, usage and steps"
done
run train gan --help; ! grep -q PAINTING out; check "help of train gan: no paintings"
run help paint extra; refused 2 "help paint takes no 'extra'"; check "help: a word too many"
run help train gan extra; refused 2 "help train takes no 'extra'"; check "help of a recipe: a word too many"
run describe patch --help; [ $status = 0 ] && grep -q -- '--heads' out; check "help of a network"
run pant; refused 2 "did you mean paint"; check "unknown command, the nearest named"
run paint --styel alpha "$picture"; refused 2 "did you mean --style"; check "unknown option, the nearest named"
run paint --stren 1 "$picture"; refused 2 "unknown option --stren; did you mean --strength"
check "a beginning of one"
run paint -z; refused 2 "unknown option -z"; check "unknown letter"
run paint "$picture" --size big; refused 2 "whole number"; check "an option's value"
run paint "$picture" --style; refused 2 "wants a value"; check "an option without its value"
run paint --style alpha; refused 2 "wants a picture"; check "no picture"
run paint "$picture"; refused 2 "style is wanted"; check "no style"
run paint "$picture" --style alpha -o=result.png; refused 2 "write -o result.png or --output=result.png" && [ ! -e =result.png ]
check "a letter with an equals sign"
for command in paint train data; do
  run $command --quiet --verbose; refused 2 "contradict each other"; check "$command: quiet and verbose"
done
run train syle; refused 2 "did you mean style"; check "unknown recipe, the nearest named"
run train gna; refused 2 "did you mean gan"; check "two letters swapped"
run train gan --preset dcgan28; refused 2 "not 'dcgan28'; did you mean dcgan-28?"; check "no such choice, the nearest named"
run data chek data; refused 2 "did you mean check"; check "data: a slip"
run describe alhpa; refused 2 "did you mean alpha"; check "describe: no such style, the nearest named"
run describe pach; refused 2 "did you mean patch"; check "describe: no such network, the nearest named"
run styles >/dev/null; "$impasto" styles >/dev/full 2>err; status=$?; [ $status = 4 ]; check "standard output is full"

# --- Styles ---

run styles; [ $status = 0 ] && [ "$(cut -d' ' -f1 out | tr '\n' ' ')" = "alpha beta gamma " ]
check "styles of all packs"
run styles --json; [ $status = 0 ] && [ "$(grep -c '"name"' out)" = 3 ] && grep -q 'CC0-1.0' out; check "styles as JSON"
run paint "$picture" --style ALPHA -o result.png; refused 2 "did you mean alpha"; check "a style in capitals"
run paint "$picture" --style -o result.png; refused 2 "--style wants a value before -o; --style=-o takes it"
check "an option in the place of a value"
run paint "$picture" --style --size 40 -o result.png; refused 2 "--style wants a value before --size"; check "a long one"
run paint "$picture" --style alpha --suffix -2 --size 40; [ $status = 0 ] && [ "$(cat out)" = harbour-2.jpg ]
check "a value that begins with a dash"; rm -f harbour-2.jpg
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
run data check data --size 32; [ $status = 0 ] && grep -q '^1 picture, 1 of them used' out && [ ! -s err ]
check "a folder that is well"
run data check data --size 32 --verbose; [ $status = 0 ] && grep -q '^impasto: 1 picture in .*, peak memory [1-9][0-9]* MiB$' err
check "what that took"
run data check data --size 32 -q; [ $status = 0 ] && [ "$(cut -d ' ' -f 1-5 out)" = "few: data: one picture to" ] && [ ! -s err ]
check "a folder of one picture, quietly"
cp "$picture" data/b.jpg; run data check data --size 32
[ $status = 0 ] && grep -q '^duplicate: data/b.jpg: the same as data/a.jpg' out && grep -q '^to know: 1 duplicate' out
check "the same picture twice"
head -c 2000 "$picture" >data/b.jpg; run data check data --size 32 --json
[ $status = 3 ] && grep -q '"kind":"damaged","name":"data/b.jpg"' out && tail -n 1 out | grep -q '"pictures":2,"used":1,"left_out":1,"findings":{"damaged":1,"few":1},"shorter_side":{"least":[1-9]'
check "a damaged picture, as JSON"
rm data/b.jpg; mkdir -p data/below/deep; small_picture; cp small.png data/below/deep/c.png; run data check data --size 32
[ $status = 0 ] && grep -q '^2 pictures, 2 of them used' out && ! grep -q beside out; check "pictures of the folders below, as training takes them"
run data check data --size 32 --recursive=no; [ $status = 0 ] && grep -q '^1 picture, 1 ' out && grep -q '1 folder is not looked into' out
check "a folder itself"
run data check data --size 32 --classes
[ $status = 3 ] && grep -q '^beside: data: 1 picture lies beside' out && grep -q '^2 pictures, 1 of them' out; check "a picture beside the class folders"
run data check nowhere; refused 3 "nowhere: .*does not exist"; check "data that is not there"
run data check; refused 2 "check PLACE"; check "data without a place"
run data list data; refused 2 "check PLACE"; check "data: another word"
rm -r data

# --- Runs ---

run runs; refused 3 "runs: there is no such folder"; check "no runs"
echo text >notes; run runs --runs notes; refused 3 "notes: cannot be read: Not a directory"; check "runs in what is no folder"; rm notes
for number in 1 2; do
  mkdir -p runs/0000$number-gan
  echo "{\"recipe\":\"gan\",\"settings\":{\"rate\":0.$number},\"run\":{\"steps\":3,\"keep\":$number,\"output\":\"$number\"}}" >runs/0000$number-gan/recipe.json
  echo "2026-01-31 12:00:00  finished: x" >runs/0000$number-gan/log.txt
  for step in 1 2 3; do echo "{\"step\":$step,\"loss\":$number.5,\"seconds\":2}"; done >runs/0000$number-gan/stats.jsonl
done
run runs; [ $status = 0 ] && grep -q '^00001-gan  finished  3 of 3 steps .*6 s .*loss 1.5$' out && [ "$(wc -l <out)" = 2 ]
check "runs, a line each"
run runs --json; [ $status = 0 ] && [ "$(grep -c '"state":"finished".*"figures":{"loss":[12].5' out)" = 2 ]; check "runs as JSON"
run runs 1 runs/00002-gan; [ $status = 0 ] && grep -q '^rate *0.1 *0.2$' out && grep -q '^loss *1.5 *2.5$' out
check "two runs side by side"
! grep -q '^keep\|^output' out; check "without what does not decide about the result"
run runs --json; head -n 1 out >first; run runs 1 --json; [ $status = 0 ] && cmp -s out first; check "one run as JSON"
run runs 1 2 --json; [ $status = 0 ] && [ "$(wc -l <out)" = 3 ] && head -n 1 out | cmp -s - first &&
  tail -n 1 out | grep -q '^{"runs":\["00001-gan","00002-gan"\],"settings":{"rate":\[0.1,0.2\]},"figures":{"loss":\[1.5,2.5\]}}$'
check "two runs side by side as JSON"
run runs 1 3 --json; refused 3 "there is no run 3 in runs/; impasto runs lists them" && [ ! -s out ]; check "no such run, as JSON"
cp -r runs/00002-gan runs/00002-style; run runs 1 2; refused 2 "run 2 is 00002-gan or 00002-style"; check "two runs with one number"
run runs 1 00002-style; [ $status = 0 ]; check "which have names"; rm -r runs/00002-style
mkdir locked; chmod 0 locked
if ls locked >ls.txt 2>&1; then
  count=$((count + 1)); echo "ok $count - a folder of runs that cannot be read # SKIP root reads everywhere"
else
  run runs --runs locked; refused 3 "locked: cannot be read: Permission denied"; check "a folder of runs that cannot be read"
fi
rmdir locked
run runs 1 2 -o two.svg; [ $status = 0 ] && grep -q '>00002-gan</text>' two.svg; check "their curves as SVG"
cp two.svg kept; echo text >two.svg; run runs 1 2 -o two.svg; [ $status = 4 ] && grep -q 'two.svg is there already; --overwrite' err &&
  [ "$(cat two.svg)" = text ]; check "their curves into a file that is there"
run runs 1 2 -o two.svg --overwrite; [ $status = 0 ] && cmp -s two.svg kept; check "replaced when it is said"; rm kept
run runs 1 2 -o two.svg --overwrite -q; [ $status = 0 ] && [ ! -s out ] && [ ! -s err ]; check "their curves, quietly"
run runs 1 -o one.png; [ $status = 0 ] && [ "$(size_of one.png)" = "340 250" ]; check "curves as a picture"
run runs 3; refused 3 "there is no run 3 in runs/"; check "no such run"
run runs 1 -o result.gif; refused 2 "result.gif"; check "curves of no such format"
mkdir runs/00003-bad; echo '{' >runs/00003-bad/recipe.json; run runs
[ $status = 3 ] && [ "$(wc -l <out)" = 2 ] && grep -q '00003-bad: its recipe.json is damaged' err
check "a damaged run does not hide the others"
rm -r runs two.svg one.png

end_of_cases
