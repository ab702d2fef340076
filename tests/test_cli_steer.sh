#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_cli_steer.sh IMPASTO MAKE_PACK PICTURE: mixes, regions and controls, and paintings made again from their recipes.
. "$(dirname "$0")/cli.sh"
small_picture
echo 'no picture' >text.txt

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
run paint small.png --style alpha --region '' -o result.png; refused 2 "MASK=STYLE.*not ''$"
check "a region that is empty"
run paint small.png --style alpha --region half.png=9 -o result.png
refused 2 "no style '9', and there is no run 9 in runs/; there are alpha"
check "a region's style that is neither here nor a run"
run paint small.png --style models/pair.safetensors:alpha --region half.png=9 -o result.png
refused 2 "pair.safetensors has no style 9, and there is no run 9 in runs/; it has alpha"
check "nor in the pack"
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
cp made.png 'a,b.png'; cp made.png keep.png; run explain small.png --style-image keep.png -o keep.png --overwrite
[ $status = 2 ] && grep -q 'would replace' err && cmp -s keep.png made.png; check "explain: not over what it reads"
for region in keep.png=beta@0.5 'half.png=beta; keep.png=alpha:0.5,beta' ./keep.png=alpha; do
  run paint small.png --style alpha --region "$region" -o keep.png; [ $status = 4 ] && grep -q 'painted by' err && cmp -s keep.png made.png
  check "paint: not over a mask, --region $region"
done
cp made.png 'a=b:2,c.png'; run paint small.png --style alpha --region 'a=b:2,c.png=beta' -o 'a=b:2,c.png'
[ $status = 4 ] && grep -q 'painted by' err && cmp -s 'a=b:2,c.png' made.png; check "paint: not over a mask of an awkward name"
run replay made.png small.png -o made.png; [ $status = 4 ] && grep -q 'painted by' err && cmp -s made.png keep.png
check "replay: not over the painting that it replays"
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

# --- Painting by optimisation ---

"$make_pack" --features vgg.safetensors
cp small.png photo.png; cp small.png slow-preview.png
optimize () { run paint photo.png --method optimize --style-image small.png --features vgg.safetensors --steps 2 "$@"; }
optimize --preview 1 -o slow.png; [ $status = 4 ] && grep -q 'no preview' err && cmp -s small.png slow-preview.png && [ ! -e slow.png ]
check "optimize: a preview replaces no other picture"
cp small.png 'x,y:2.png'; optimize --style-image 'small.png:2,./keep.png:1' -o keep.png; [ $status = 4 ] && grep -q 'painted by' err &&
  cmp -s keep.png made.png; check "optimize: not over a painting of a mix"
optimize --style-image 'x,y:2.png' -o 'x,y:2.png'; [ $status = 4 ] && grep -q 'painted by' err && cmp -s 'x,y:2.png' small.png
check "optimize: not over a painting of an awkward name"
rm slow-preview.png; optimize --preview 1 -o slow.png; painted slow.png && [ -s slow-preview.png ]; check "optimize: a preview"
optimize --preview 1 -o slow.png; painted slow.png; check "optimize: the next run's preview"
optimize --state nowhere/state -o result.png; refused 4 'nowhere/state'; check "optimize: a state that cannot be kept, before the work"
for option in --wrap '--strokes pixels' '--palette 0' '--rate 0.1' '--patches 9' '--start network' '--start photo --style alpha'; do
  optimize $option -o result.png; refused 2 "goes with\|wants a --style"; check "optimize: $option"
done
run paint photo.png --style alpha --steps 3 -o result.png; refused 2 '--steps goes with --method optimize'; check "an option of another method"
run paint photo.png --style-image absent.png -o result.png; refused 3 '--style-image: absent.png: no such file$'
check "a painting that is not there"
run paint photo.png --style-image models -o result.png; refused 3 'models: is a folder'; check "a folder for a painting"
run paint photo.png --style-image alpha -o result.png; refused 2 'alpha is a style: --style alpha$'
check "a style for a painting"
run paint photo.png --style-image small.png --region half.png=alpha -o result.png; refused 2 'region.*alpha is a style$'
check "and in a region"
run paint photo.png --style alpha --palette 0 -o result.png; refused 2 '--palette goes with --style-image'; check "a painting's palette without one"
optimize --style alpha -o begun.png; painted begun.png && run replay begun.png photo.png --features vgg.safetensors -o again.png &&
  painted again.png && cmp -s begun.png again.png; check "optimize: from the network's painting, replayed"
mkdir away; cp begun.png small.png away/; run replay away/begun.png photo.png -o result.png; refused 3 'name it with --features'; check "replay: a feature network that is elsewhere"
optimize -o plain.png; run replay begun.png photo.png --features vgg.safetensors --style beta -o other.png
painted other.png && ! cmp -s other.png begun.png; check "replay: another style to begin with"
"$make_pack" models/gone.safetensors gone; optimize --style gone -o lost.png; rm models/gone.safetensors
run replay lost.png photo.png --features vgg.safetensors -o result.png; refused 3 'gone.safetensors'; check "replay: the pack it began with is gone"
run replay lost.png photo.png --features vgg.safetensors --style beta -o found.png; painted found.png && cmp -s found.png other.png
check "replay: another style in its place"
run replay lost.png photo.png --features vgg.safetensors --start photo -o bare.png; painted bare.png && "$impasto" eval bare.png --against plain.png | grep -q ' inf '
check "replay: the photograph to begin with"

end_of_cases
