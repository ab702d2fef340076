#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes docs/gallery.md and docs/images/gallery: contact sheets of every style that is there on the example pictures, and
# what the controls do. tools/make-gallery.sh BUILD, a Meson build folder of this tree; takes some minutes.
#
# Everything in it is made from the pictures under examples/, which are ours, and from the packs that `impasto styles` lists.
# Sections whose options this build's `impasto paint` does not know are left out, and said so.
set -eu

build=$(cd "${1:?usage: make-gallery.sh BUILD}" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
impasto=${IMPASTO:-$build/apps/cli/impasto}
export IMPASTO_MODELS="${IMPASTO_MODELS:-$root/models}"
ninja -C "$build" tools/sheet apps/cli/impasto >&2
sheet=$build/tools/sheet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
images=$root/docs/images/gallery
page=$work/gallery.md
mkdir -p "$images" "$work/new"

styles=$("$impasto" styles --json | sed -n 's/.*"name" *: *"\([^"]*\)".*/\1/p')
[ -n "$styles" ] || { echo "make-gallery: no styles in $IMPASTO_MODELS" >&2; exit 1; }
"$impasto" paint --help >"$work/help"
photos=
for photo in harbour valley still-life village; do
  [ ! -f "$root/examples/$photo.jpg" ] || photos="$photos $photo"
done

knows () { grep -q -e "--$1" "$work/help"; }

# painted NAME PHOTO ARGUMENT...: paints an example picture and says where the painting is. The page prints such commands as a
# reader types them: with the picture under examples/, and with names for what is made on the way.
painted () {
  name=$1 photo=$2
  shift 2
  "$impasto" paint "$root/examples/$photo.jpg" "$@" --quiet -o "$work/$name.png" >&2
  echo "$work/$name.png"
}

# chosen N NAME...: the first of the names that is a style here, otherwise the N-th style.
chosen () {
  n=$1
  shift
  for name; do
    case " $(echo $styles) " in *" $name "*) echo "$name"; return ;; esac
  done
  echo $styles | awk -v n="$n" '{ print $((n - 1) % NF + 1) }'
}

# section TITLE FILE ALT: the heading and the picture; the text follows on stdin.
section () {
  { printf '\n## %s\n\n' "$1"; cat; printf '\n![%s](images/gallery/%s)\n' "$3" "$2"; } >>"$page"
}

cat >"$page" <<'END'
# Gallery

Made by [tools/make-gallery.sh](../tools/make-gallery.sh) from the packs in [models](../models) and the computed photographs in
[examples](../examples): nothing was retouched, and each picture can be made again, in a clone of this repository, with commands
like those beside it. Sheets are scaled down; paintings for them are 400 to 640 pixels wide, so that strokes can be seen.
END

# --- Styles ---

for photo in $photos; do
  cells="photograph=$root/examples/$photo.jpg"
  for style in $styles; do
    cells="$cells $style=$(painted "$photo-$style" "$photo" --style "$style" --size 400)"
  done
  "$sheet" "$work/new/styles-$photo.jpg" --columns 6 --cell 184x138 --bytes 200000 $cells
  section "Every style: $photo" "styles-$photo.jpg" "the picture $photo in every style" <<END
    impasto paint examples/$photo.jpg --style NAME --size 400 -o NAME.png
END
done

a=$(chosen 1 starry-night) b=$(chosen 2 great-wave) c=$(chosen 3 composition-vii kandinsky-composition-vii)
d=$(chosen 4 la-grande-jatte seurat-la-grande-jatte mosaic)

# --- Blends ---

if painted probe harbour --style "$a:0.5,$b:0.5" --size 64 >/dev/null 2>&1; then
  cells=
  for pair in "harbour $a $b" "valley $c $d"; do
    set -- $pair
    for weight in 1:0 0.75:0.25 0.5:0.5 0.25:0.75 0:1; do
      mix="$2:${weight%:*},$3:${weight#*:}"
      cells="$cells ${weight%:*}+${weight#*:}=$(painted "blend-$2-$3-$weight" "$1" --style "$mix" --size 400)"
    done
  done
  "$sheet" "$work/new/blends.jpg" --columns 5 --cell 200x150 --bytes 110000 $cells
  section "Blends" blends.jpg "two blends in five steps" <<END
From $a to $b, and from $c to $d. A blend is one pass of the network with weights over its styles, not two paintings
laid over each other.

    impasto paint examples/harbour.jpg --style $a:0.75,$b:0.25 --size 400 -o blend.png
END
else
  echo "make-gallery: no blends in this build, or $a and $b are of different packs" >&2
fi

# --- Brush and strength ---

if knows brush; then
  cells=
  for pair in "valley $a" "still-life $b"; do
    set -- $pair
    for brush in 0.5 0.7 1 1.4 2; do
      cells="$cells brush-$brush=$(painted "brush-$2-$brush" "$1" --style "$2" --brush $brush --size 640)"
    done
  done
  "$sheet" "$work/new/brush.jpg" --columns 5 --cell 200x150 --bytes 110000 $cells
  section "Brush" brush.jpg "the same styles with brushes from half to twice the size" <<END
$a and $b, with brushes from half to twice the size they were learned with.

    impasto paint examples/valley.jpg --style $a --brush 2 --size 640 -o brush.png
END
fi

if knows strength; then
  cells=
  for pair in "harbour $c" "still-life $a"; do
    set -- $pair
    for strength in 0 0.25 0.5 0.75 1 1.5; do
      cells="$cells strength-$strength=$(painted "strength-$2-$strength" "$1" --style "$2" --strength $strength --size 400)"
    done
  done
  "$sheet" "$work/new/strength.jpg" --columns 6 --cell 184x138 --bytes 110000 $cells
  section "Strength" strength.jpg "the same styles from strength 0 to 1.5" <<END
$c and $a. 0 is the photograph itself, to the last bit of a pixel; beyond 1 is more than was learned.

    impasto paint examples/harbour.jpg --style $c --strength 0.5 --size 400 -o half.png
END
fi

# --- Regions ---

if knows region; then
  "$sheet" --mask "$work/sky.png" 512x384 0,0.38 0,0.56
  "$sheet" --mask "$work/left.png" 512x384 0.35,0 0.65,0
  cells="mask=$work/sky.png"
  cells="$cells valley=$(painted region-valley valley --style "$d" --region "$work/sky.png=$a" --size 640)"
  cells="$cells mask=$work/left.png"
  cells="$cells harbour=$(painted region-harbour harbour --style "$b" --region "$work/left.png=$c" --size 640)"
  "$sheet" "$work/new/regions.jpg" --columns 2 --cell 400x300 --bytes 130000 $cells
  section "Regions" regions.jpg "masks and the paintings made with them" <<END
One style where the mask is white, another where it is black, and everything between where it is grey, in one pass: $a over $d,
and $c beside $b. The masks are drawn by \`tools/sheet\` of a build folder.

    build-dev/tools/sheet --mask sky.png 512x384 0,0.38 0,0.56
    impasto paint examples/valley.jpg --style $d --region sky.png=$a --size 640 -o sky-and-land.png
    build-dev/tools/sheet --mask left.png 512x384 0.35,0 0.65,0
    impasto paint examples/harbour.jpg --style $b --region left.png=$c --size 640 -o side-by-side.png
END
fi

# --- Any picture as a style ---

# The style images are our own: two example pictures, painted.
if knows style-image && painted probe harbour --style-image "$root/examples/valley.jpg" --size 64 >/dev/null 2>&1; then
  first=$(painted own-first still-life --style "$d" --size 512)
  second=$(painted own-second valley --style "$a" --size 512)
  cells=
  for own in "$first" "$second"; do
    cells="$cells style-image=$own"
    for photo in harbour valley still-life; do
      name=any-$(basename "$own" .png)-$photo
      cells="$cells $photo=$(painted "$name" "$photo" --style-image "$own" --size 512)"
    done
  done
  "$sheet" "$work/new/any.jpg" --columns 4 --cell 240x180 --bytes 130000 $cells
  section "Any picture as a style" any.jpg "pictures painted after other pictures" <<END
A style that no network was trained on, from one picture of it (here two paintings made by impasto).

    impasto paint examples/still-life.jpg --style $d --size 512 -o first.png
    impasto paint examples/valley.jpg --style $a --size 512 -o second.png
    impasto paint examples/harbour.jpg --style-image first.png --size 512 -o any.png
END
fi

for option in brush strength region style-image; do
  knows $option || echo "make-gallery: this build has no --$option; its section is left out" >&2
done
rm -f "$images"/*.jpg
mv "$work"/new/*.jpg "$images/"
mv "$page" "$root/docs/gallery.md"
total=$(cat "$images"/*.jpg | wc -c)
echo "docs/images/gallery: $total bytes in all"
[ "$total" -le 1500000 ] || { echo "make-gallery: more than 1.5 MB; lower --bytes" >&2; exit 1; }
