#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Figures of paintings as a Markdown table: how near each way of painting comes to styles, and what is left of the scene.
#
#   bench/quality.sh [-n PHOTOS] [-o "NAME..."] [-s SIZE] [-t STEPS] [-w "WEIGHT..."] [-p PAINTING-SIZE]
#                    [-f FEATURES] [-k KEPT] FOLDER STYLE=PAINTING...
#
# FOLDER has the photographs: the first -n of them (3), or those named with -o "A B C". STYLE is what `impasto paint --style`
# takes, PAINTING the picture of that style; without a name (=PAINTING) only what needs no training is measured. Painted at
# -s pixels (256), optimised with -t steps (300) and each of the style weights -w (30): the more style, the less is left of
# the scene; with several, the other ways are held against optimisation at equal content distance, by interpolation. The
# painting has -p pixels (768) on its longer side for optimisation and figures, so that strokes are measured at the scale at
# which they were aimed at. -f names the eye, of the figures and of the optimisation (otherwise the one that ships); -k keeps
# the paintings. Uses nothing but `impasto` ($IMPASTO).
set -eu

usage () { sed -n '6,7s/^# *//p' "$0" >&2; exit 2; }

photos=3 size=256 steps=300 weights=30 painting_size=768 features= keep= only=
while getopts n:s:t:w:p:f:k:o: option; do
  case $option in
    n) photos=$OPTARG ;;
    s) size=$OPTARG ;;
    t) steps=$OPTARG ;;
    w) weights=$OPTARG ;;
    p) painting_size=$OPTARG ;;
    f) features=$OPTARG ;;
    k) keep=$OPTARG ;;
    o) only=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] && [ -d "$1" ] || usage
folder=$1
shift

impasto=${IMPASTO:-$(cd "$(dirname "$0")/.." && pwd)/impasto}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
results=${keep:-$work/results}
mkdir -p "$results" "$work/photos"
"$impasto" paint --help >"$work/help"
knows () { grep -q -e "--$1" "$work/help"; }

# The photographs, under names without spaces.
n=0
for photo in "$folder"/*; do
  base=$(basename "$photo")
  name=${base%.*}
  case $base in *.jpg|*.jpeg|*.png|*.webp|*.tif|*.tiff) ;; *) continue ;; esac
  case $name in *[!A-Za-z0-9_-]*) continue ;; esac
  if [ -n "$only" ]; then case " $only " in *" $name "*) ;; *) continue ;; esac
  else [ $n -lt "$photos" ] || break; fi
  cp "$photo" "$work/photos/$base"
  n=$((n + 1))
done
[ $n -gt 0 ] || { echo "quality: no photographs in $folder" >&2; exit 3; }

# Paints photographs at strength 0, and tells sizes: a style has to be named for that.
any_style=$("$impasto" styles | sed 's/ .*//;q')
[ -n "$any_style" ] || { echo "quality: no styles" >&2; exit 3; }

# extent FILE SIZE: width and height of the picture at that size.
extent () {
  "$impasto" paint "$1" --style "$any_style" --size "$2" --dry-run -o "$work/none.png" |
    sed -n 's/.*: \([0-9]*\)x\([0-9]*\),.*/\1 \2/p'
}

# scales PAINTING: the painting's scale in pixels of each photograph, a file of that name.
scales () {
  of_painting=$(extent "$1" "$painting_size")
  mkdir -p "$work/scales"
  for photo in "$work/photos"/*; do
    echo "$of_painting $(extent "$photo" "$size")" | awk '{ printf "%.5f", sqrt($1 * $2 / $3 / $4) }' \
      >"$work/scales/$(basename "$photo")"
  done
}

# optimise STYLE-WEIGHT PAINTING ARGUMENT...: one photograph at a time, each with its scale.
optimise () {
  weight=$1 painting=$2
  shift 2
  for photo in "$work/photos"/*; do
    scale=$(cat "$work/scales/$(basename "$photo")")
    "$impasto" paint "$photo" --method optimize --style-image "$painting" --steps "$steps" --style-weight "$weight" \
      --style-scale "$scale" ${features:+--features "$features"} "$@" >&2 || return 1
  done
}

# paint METHOD STYLE PAINTING OUT: all photographs; false where this build or the style has no such way.
paint () {
  set -- "$1" "$2" "$3" "$4" --size "$size" --quiet --overwrite -o "$4/"
  method=$1 style=$2 painting=$3
  shift 4
  case ${method%-*} in
    feed) [ -n "$style" ] || return 1; set -- --style "$style" "$@" ;;
    predicted) knows fusion || return 1; set -- --style-image "$painting" --fusion predict "$@" ;;
    arbitrary) knows style-image || return 1; set -- --style-image "$painting" --fusion adain "$@" ;;
    optimised)
      knows style-scale || return 1
      optimise "${method#*-}" "$painting" "$@"
      return ;;
  esac
  "$impasto" paint "$work/photos" "$@" >&2
}

# figures FOLDER PAINTING: a line a photograph: style, palette and content distance.
figures () {
  "$impasto" eval "$1" --content "$work/photos" --style-image "$2" --style-size "$painting_size" --json \
    ${features:+--features "$features"} 2>/dev/null |
    sed -n 's/.*"style_distance":\([^,]*\),"palette_distance":\([^,]*\),"color_distance":[^,]*,"content_distance":\([^,}]*\).*/\1 \2 \3/p'
}

# Median of the numbers on stdin.
median () { sort -g | awk '{ x[NR] = $1 } END { if (NR) printf "%.4g", (x[int((NR + 1) / 2)] + x[int((NR + 2) / 2)]) / 2 }'; }

eye=${features:+$(basename "$features")}
echo "$n photographs at $size pixels, paintings at $painting_size, $steps steps; distances by ${eye:-the network that ships}, as" \
  "\`impasto eval\` takes them: 0 is equal. Each row is the mean over the photographs."
echo
echo "| style | way | style distance | content distance | palette distance | seconds a picture |"
echo "|---|---|---|---|---|---|"
for pair; do
  style=${pair%%=*} painting=$work/painting.png
  case $pair in *=*) ;; *) usage ;; esac
  name=${style:-$(basename "${pair#*=}" | sed 's/\.[^.]*$//')}
  "$impasto" paint "${pair#*=}" --style "$any_style" --strength 0 --size "$painting_size" --quiet --overwrite -o "$painting" >&2
  scales "$painting"
  for way in feed-forward predicted arbitrary $(printf 'optimised-%s ' $weights); do
    out=$results/$name-$way
    started=$(date +%s.%N)
    mkdir -p "$out"
    paint "$way" "$style" "$painting" "$out" || { rmdir "$out" 2>/dev/null || true; continue; }
    seconds=$(awk "BEGIN { print ($(date +%s.%N) - $started) / $n }")
    figures "$out" "$painting" >"$work/figures"
    awk -v name="$name" -v way="$way" -v seconds="$seconds" \
      '{ s += $1; p += $2; c += $3 }
       END { if (NR) printf "| %s | %s | %.4f | %.3f | %.3f | %.3g |\n", name, way, s / NR, c / NR, p / NR, seconds }' \
      "$work/figures"
    awk -v name="$name" '{ s += $1; c += $3 } END { if (NR) print name, s / NR, c / NR }' "$work/figures" >>"$work/${way%-[0-9]*}"
  done
done

# How the others stand to optimisation at the content distance they have: between its two nearest points, in logarithms;
# beyond its last, that one.
echo
for way in feed-forward predicted arbitrary; do
  [ -f "$work/$way" ] && [ -f "$work/optimised" ] || continue
  sort -k1,1 -k3,3g "$work/optimised" |
    awk 'NR == FNR { i = ++n[$1]; s[$1, i] = log($2); c[$1, i] = log($3); next }
         n[$1] {
           x = log($3); k = n[$1]
           if (x <= c[$1, 1]) { y = s[$1, 1]; out = x < c[$1, 1] }
           else if (x >= c[$1, k]) { y = s[$1, k]; out = x > c[$1, k] }
           else {
             for (i = 1; c[$1, i + 1] < x; i++);
             y = s[$1, i] + (s[$1, i + 1] - s[$1, i]) * (x - c[$1, i]) / (c[$1, i + 1] - c[$1, i]); out = 0
           }
           print exp(log($2) - y), out
         }' - "$work/$way" >"$work/ratios"
  echo "At equal content distance, $way has $(cut -d' ' -f1 "$work/ratios" | median) times the style distance of optimisation in the" \
    "median style ($(wc -l <"$work/ratios") styles, $(grep -c ' 1$' "$work/ratios" || true) of them beyond the weights that were tried)."
done
