#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_cli_eval.sh IMPASTO MAKE_PACK PICTURE: the figures of paintings.
. "$(dirname "$0")/cli.sh"
small_picture
"$impasto" paint "$picture" --style beta --size 40 -o other.png >/dev/null
"$impasto" paint "$picture" --style gamma --size 40 -o gamma.png >/dev/null
"$impasto" paint "$picture" --style gamma --size 17 -o tiny.png >/dev/null
"$impasto" paint small.png --style alpha -o small.jpg >/dev/null
head -c 500 small.png >cut.png
"$make_pack" --perceptual eye.safetensors

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
run eval small.png tiny.png --tile 20x20
[ $status = 0 ] && grep -Eq '^tiny.png( +-){3}$' out &&
  [ "$(awk 'NR == 2 {print $2, $3, $4}' out)" = "$(awk 'NR == 4 {print $2, $3, $4}' out)" ] &&
  [ "$(cat err)" = "impasto: tiny.png: no line of tiles of 20x20 lies in its 17x13 pixels" ]
check "eval: a picture without seams has none"
run eval tiny.png --against tiny.png --tile 20 --json
[ $status = 0 ] && grep -q '"seam_step":null,"step_beside":null,"worst_seam":null,.*"mean_at_seams":null' out
check "eval: in JSON, too"
run eval painted --style-image "$picture" --style-size 64 --content wanted --features eye.safetensors
[ $status = 0 ] && [ ! -s err ] && grep -q 'style_distance .*palette_distance .*content_distance .*calm .*alike .*mesh' out && grep -Eq '^b.png .* 0 +[0-9.]+ +[0-9.]+ +[0-9.]+$' out
check "eval: distance from a style and a photograph"
run eval tiny.png --style-image small.png --style-size 0 --content tiny.png --features eye.safetensors; [ $status = 0 ]
check "eval: a tiny picture"
run eval small.png other.png --against gamma.png
[ $status = 0 ]; check "eval: several against one"
mkdir -p reals/x samples/x
for i in 1 2 3 4 5; do
  run paint "$picture" --style beta --size $((40 + i * 7)) --overwrite -o reals/x/$i.png
  run paint "$picture" --style gamma --size $((40 + i * 7)) --overwrite -o samples/x/$i.png
done
cp reals/x/3.png samples/x/copy.png
run eval samples/x --reals reals/x --crop 16 --features eye.safetensors --nearest 1
[ $status = 0 ] && grep -q '^all *5 *6 ' out && grep -q '^0  samples/x/copy.png  reals/x/3.png$' out
check "eval: a set of samples, the copy among them named"
run eval samples --reals reals --classes --crop 16 --features eye.safetensors --json
[ $status = 0 ] && grep -q '"set":"x","reals":5,"samples":6,"frechet":' out; check "eval: sets by class, as JSON"
run eval samples/x --reals nowhere --features eye.safetensors; refused 3 "nowhere"
check "eval: no such set"
run eval samples/x --reals reals/x --content small.png; refused 2 "set as a whole"; check "eval: two kinds at once"
rm -r reals samples
run eval small.png --against "$picture"; refused 3 "40x30, but .*--preview"; check "eval: sizes that differ"
run eval small.png --against "$picture" --preview; [ $status = 0 ] && grep -q 'was scaled to 40x30' err
check "eval: a preview"
run eval small.png --against "$picture" --preview -q; [ $status = 0 ] && [ "$(wc -l <out)" = 2 ] && [ ! -s err ]
check "eval: quietly, the figures all the same"
run explain small.png --style-image "$picture" --features eye.safetensors --size 40 --style-size 64 -o maps.png
[ $status = 0 ] && [ -s maps.png ] && grep -q '^layer1 ' out && grep -q '^impasto: maps in maps.png$' err; check "explain: maps and a table"
run explain small.png --style-image "$picture" --features eye.safetensors --size 40 --style-size 64 -o maps.png --overwrite -q
[ $status = 0 ] && grep -q '^layer1 ' out && [ ! -s err ]; check "explain: quietly"
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
mkdir hollow; run eval hollow small.png --against small.png
[ $status = 3 ] && [ "$(wc -l <out)" = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q 'hollow: no pictures' err
check "eval: a folder without pictures beside others"
run eval hollow small.png absent.png --against small.png --json
[ $status = 3 ] && [ "$(wc -l <out)" = 3 ] && [ "$(wc -l <err)" = 2 ] && [ "$(grep -c '"error":"' out)" = 2 ] &&
  grep -q '"picture":"absent.png","error":"absent.png: no such file' out; check "eval: JSON of what cannot be measured"
mkdir -p parted/below; cp small.png parted/small.png; chmod 0 parted/below
if ls parted/below >ls.txt 2>&1; then
  for name in "below one to hold against" "to hold against"; do
    count=$((count + 1)); echo "ok $count - eval: a folder that cannot be read $name # SKIP root reads everywhere"
  done
else
  run eval small.png --against parted --recursive
  [ $status = 3 ] && [ "$(wc -l <out)" = 2 ] && [ "$(cat err)" = "impasto: parted/below: cannot be read: Permission denied" ]
  check "eval: a folder that cannot be read below one to hold against"
  run eval small.png --against parted/below; refused 3 "parted/below: cannot be read"; check "eval: a folder that cannot be read to hold against"
fi
chmod 755 parted/below; rm -r parted
run eval small.png --against hollow; refused 3 "hollow: no pictures"; check "eval: a folder without pictures to hold against"

end_of_cases
