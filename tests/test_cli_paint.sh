#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_cli_paint.sh IMPASTO MAKE_PACK PICTURE: pictures painted, those that cannot be, whole folders, and the names of results.
. "$(dirname "$0")/cli.sh"

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
run paint "$picture" --style pair.safetensors:beta --size 40 -o named.png
painted named.png && cmp -s other.png named.png &&
  run paint small.png --style one.safetensors -o named.png; painted named.png &&
  run paint small.png --style pair.safetensors:beta:1,alpha:1 -o named.png; painted named.png
check "by the name of the file where packs are"
cp models/one.safetensors pair.safetensors; run paint small.png --style pair.safetensors:beta -o result.png
refused 2 "pair.safetensors has no style beta; it has gamma"; check "but the one here comes first"; rm pair.safetensors
run paint small.png --style absent.safetensors:beta -o result.png; refused 3 "absent.safetensors"
check "a pack that is nowhere"
for size in 1 2 3 17; do
  run paint "$picture" --style alpha --size $size -o tiny.png; painted tiny.png &&
    run paint tiny.png --style alpha -o again.png &&
    painted again.png && [ "$(size_of again.png)" = "$(size_of tiny.png)" ]; check "a picture of $(size_of tiny.png)"
done
run paint small.png --style alpha --precision f32 --threads 1 -o plain.png; painted plain.png; check "f32, one thread"
run paint small.png --style alpha -o small.jpg
painted small.jpg && grep -aq 'alpha' small.jpg && grep -aq 'sha256' small.jpg
check "the recipe is in the file"
for extension in jfif jpe; do
  cp small.jpg same.$extension; run paint same.$extension --style alpha --suffix -again; painted same-again.$extension &&
    [ "$(head -c 2 same-again.$extension | od -An -tx1)" = " ff d8" ]; check "a JPEG called .$extension"
done
run paint small.png --style alpha --verbose -o result.jpg
[ $status = 0 ] && grep -q 'memory: forecast [0-9]* MiB, peak [0-9]* MiB' err &&
  grep -q 'time: .*plan.*load.*paint.*save' err
check "verbose: memory and times"
run paint small.png --style alpha --dry-run -o dry.png
painted out && [ ! -e dry.png ] && grep -q 'dry.png: 40x30' out
check "dry run"
run paint small.png --style alpha --quiet -o quiet.png; painted quiet.png && [ ! -s out ]; check "quiet"

# --- Names of results ---

run paint small.png --style alpha; painted small-alpha.png; check "a name of its own making"
run paint small.png --style alpha; refused 4 "already"; check "which is not replaced"
run paint small.png --style alpha --overwrite; painted small-alpha.png; check "unless told so"
mkdir shelf; ln -s shelf/kept.png link.png; run paint small.png --style alpha -o link.png
painted link.png && [ -L link.png ] && cmp -s shelf/kept.png small-alpha.png &&
  run paint small.png --style beta -o link.png
painted link.png && [ -L link.png ] && ! cmp -s shelf/kept.png small-alpha.png; check "through a link"
ln -sf absent/kept.png link.png; run paint small.png --style alpha -o link.png; refused 4 "link.png: No such file"
check "a link to nowhere"; rm -r shelf link.png
run paint small.png --style beta --format jpg --suffix _b; painted small_b.jpg; check "format and suffix"
run paint small.png --style beta --format .webp --suffix _c; painted small_c.webp; check "a format with its dot"
run paint small.png --style beta -o rough.png --quality 5
[ $status = 0 ] && [ "$(cat err)" = "impasto: rough.png: --quality does nothing here; PNG and TIFF lose nothing" ]
check "a quality of PNG"
run paint small.png --style beta -o rough.webp --quality 5; painted rough.webp &&
  run replay rough.webp small.png -o rough.png
painted rough.png; check "but not one of a recipe"; rm rough.png rough.webp
cp small.png self.png; run paint self.png --style alpha -o self.png; refused 4 "itself" && cmp -s small.png self.png
check "never the photograph itself"
run paint small.png --style alpha -o result.gif; refused 2 "extension"; check "an unknown extension"
run paint small.png --style alpha --format gif; refused 2 "format"; check "an unknown format"
run paint small.png --style alpha --size 16384 -o wide.webp; refused 2 "16383" && [ ! -e wide.webp ]; check "more than the format holds"
run paint small.png --style alpha --format png -o other.jpg; refused 2 "contradict"; check "one format and another"
run paint small.png --style alpha --suffix ../b; refused 2 "part of a name"; check "a suffix with a slash"
run paint small.png --style alpha --region small.png=beta@; refused 2 "a strength is 0..2"; check "a region without its strength"
run paint small.png --style alpha --quality 30 -o rough.jpg
[ $status = 0 ] && run replay rough.jpg small.png -o again.jpg && cmp -s rough.jpg again.jpg; check "replay: quality, too"
mkdir again; cp small.png again/a.png; unsign again/a.png; (cd again && "$impasto" paint . --style alpha -q && "$impasto" paint . --style alpha -q; [ "$(ls | tr '\n' ' ')" = 'a-alpha.png a.png ' ])
check "a folder's own results are not painted again"
printf 'x' >"again/$(printf 'bad\377.png')"; run paint again --style alpha -o bytes/ --progress json
[ $status = 3 ] && iconv -f UTF-8 -t UTF-8 out >/dev/null; check "JSON of names in other bytes"
rm -rf again bytes
rm -f rough.jpg again.jpg
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
size=$(sed -n 's/.*--size \([0-9]*\)$/\1/p' err)
run paint "$picture" --style alpha --memory 60M --size "$size" -o result.png --dry-run
[ $status = 0 ]; check "the size that is advised"
run paint "$picture" --style alpha -o result.png --dry-run
memory=$(sed -n 's/.*, \([0-9]*\) MiB of memory$/\1M/p' out)
run paint "$picture" --style alpha -o result.png --dry-run --memory "$memory"; [ $status = 0 ]
check "what --dry-run says does as --memory"
run paint "$picture" --style alpha --memory 2X -o result.png; refused 2 "memory wants"; check "a memory size"

# --- Folders ---

mkdir -p tree/below
cp small.png tree/a.png; cp small.png tree/below/b.jpg; unsign tree/a.png tree/below/b.jpg
cp cut.png tree/bad.png; echo >tree/notes.txt
run paint tree --style alpha -o flat --progress json
[ $status = 3 ] && [ -s flat/a.png ] && [ ! -e flat/bad.png ] && [ ! -e flat/below ] && grep -q 'bad.png' err &&
  [ "$(grep -c '"event":"painted"' out)" = 1 ] && [ "$(grep -c '"event":"failed"' out)" = 1 ]
check "a folder: the bad one is reported, the rest is painted"
mkdir called; cp tree/a.png called/c.jfif; run paint called --style alpha -o called/in/
[ "$(cat out)" = called/in/c.jfif ]; check "a folder with a JPEG called .jfif"
run paint tree --style beta -o order/
[ "$(cat out)" = order/a.png ] && run paint tree small.png other.png gamma.png --style beta -o order/ --overwrite
[ "$(tr '\n' ' ' <out)" = "order/a.png order/small.png order/other.png order/gamma.png " ]; check "in the order they were given"
rm order/other.png; run paint tree small.png other.png --style beta -o order/ --overwrite --memory 46M
[ -s order/other.png ]; check "with memory for one at a time"
run paint nothing small.png twin-nothing --style alpha -o some/ --progress json
[ $status = 3 ] && [ -s some/small.png ] && [ "$(wc -l <err)" = 2 ] && grep -q '^impasto: nothing: no pictures in this folder; --recursive' err &&
  grep -q '"event":"failed","input":"nothing".*"code":3' out; check "a folder without pictures among others: the rest is painted"
run replay some/small.png nothing other.png -o some/; [ $status = 3 ] && [ -s some/other.png ] && [ "$(wc -l <err)" = 1 ]
check "replay: likewise"
rm -r some tree/bad.png
mkdir -p closed/below; cp tree/a.png closed/a.png; chmod 0 closed/below
if ls closed/below >ls.txt 2>&1; then
  for name in "a folder that cannot be read" "one below"; do
    count=$((count + 1)); echo "ok $count - $name # SKIP root reads everywhere"
  done
else
  run paint closed/below small.png --style alpha -o some/ --progress json
  [ $status = 3 ] && [ -s some/small.png ] && [ "$(wc -l <err)" = 1 ] && grep -q '^impasto: closed/below: cannot be read: Permission denied$' err &&
    grep -q '"event":"failed","input":"closed/below"' out; check "a folder that cannot be read"
  run paint closed --recursive --style alpha -o more/
  [ $status = 3 ] && [ -s more/a.png ] && [ "$(wc -l <err)" = 1 ] && grep -q '^impasto: closed/below: cannot be read: Permission denied$' err; check "one below"
fi
chmod 755 closed/below; rm -rf closed some more
run paint tree --recursive --style alpha -o deep; [ $status = 0 ] && [ -s deep/a.png ] && [ -s deep/below/b.jpg ]
check "with all that is below"
touch -d 2000-01-01 deep/a.png; cp tree/a.png tree/c.png
run paint tree -r --style alpha -o deep
[ $status = 0 ] && [ -s deep/c.png ] && [ -z "$(find deep/a.png -newer tree/c.png)" ] && grep -q '2 of 3' err
check "taken up where it was left"
run paint tree -r --style alpha -o tree/results; [ $status = 0 ] && run paint tree -r --style alpha -o tree/results
[ $status = 0 ] && [ ! -e tree/results/results ] && grep -q '3 of 3' err; check "results below are not painted again"
run paint tree -r --style beta -o tree/other
[ $status = 0 ] && [ "$(find tree/other -type f | wc -l)" = 3 ] &&
  grep -q '^impasto: left out as painted by impasto: 3 pictures of a folder; --paintings' err
check "nor are those of another style"
run paint tree/results --style beta -o results/; refused 3 "nothing but what impasto painted; --paintings"
check "a folder of paintings"
run paint tree/results --style beta -o results/ --paintings; [ $status = 0 ] && [ -s results/a.png ]; check "which are painted when told so"
run paint tree/results/a.png --style beta -o result.png; painted result.png; check "or named"
rm -r tree/results tree/other results result.png
run paint tree/a.png tree/below/b.jpg --style beta -o both/; [ $status = 0 ] && [ -s both/a.png ] && [ -s both/b.jpg ]
check "several into a folder"
mkdir twin; cp tree/a.png twin/; run paint tree/a.png twin/a.png --style beta -o twins/
[ $status = 4 ] && [ -s twins/a.png ] && grep -q 'written twice' err; check "two results of one name"

# So many that they cannot all be done when the signal for the first one comes; those that are not painted cost nothing.
mkdir many; for i in $(seq 300); do ln tree/a.png "many/$i.png"; done
stop_at '"event":"painted"' INT paint many --style alpha -o stopped --progress json
whole=0
for result in stopped/*.png; do tail -c 12 "$result" | grep -aq IEND && whole=$((whole + 1)); done
[ $status = 130 ] && grep -q stopped err && [ -z "$(find . -name '.impasto*')" ] && [ $whole -ge 1 ] &&
  [ $whole = "$(find stopped -type f | wc -l)" ] && [ $whole -lt 300 ]
check "Ctrl-C: whole files or none"

# A second one, while a file that takes long is saved: the first is heeded when that is done, the second at once.
alive () { grep -q '^State:[^Z]*$' /proc/$pid/status 2>/dev/null; }
interrupt () { kill -INT $pid 2>/dev/null; while alive && grep -q '^S[a-z]*Pnd:.*[2367abef]$' /proc/$pid/status; do sleep 0.01; done; }
mkdir twice; "$impasto" paint "$picture" --style alpha --strength 0 --size 3000 -o twice/large.png >out 2>err </dev/null &
pid=$!
while alive && [ -z "$(ls -A twice)" ]; do sleep 0.01; done
ended=130; alive || ended=0 # so soon that nothing could be stopped
interrupt; interrupt; wait $pid; status=$?
[ $status = $ended ] && { [ $ended = 0 ] || grep -q stopped err; } && [ -z "$(find twice -name '.impasto*')" ] &&
  { [ ! -e twice/large.png ] || tail -c 12 twice/large.png | grep -aq IEND; }; check "a second Ctrl-C: no half file"

end_of_cases
