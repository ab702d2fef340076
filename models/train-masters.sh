#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains models/masters.safetensors anew: models/train-masters.sh PAINTINGS PHOTOS VGG19.safetensors [OPTION...]
# PAINTINGS is a folder with the pictures named below, PHOTOS a folder of photographs; some hours on two cores.
set -eu
[ $# -ge 3 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
paintings=$1 photos=$2 features=$3
shift 3
files= names=
style () { # FILE NAME "TITLE, ARTIST, YEAR"
  files="$files$paintings/$1.jpg
"
  names="$names${names:+;}$2: $3"
}
style van-gogh-starry-night starry-night "The Starry Night, Vincent van Gogh, 1889"
style hokusai-great-wave great-wave "Under the Wave off Kanagawa, Katsushika Hokusai, about 1831"
style munch-the-scream the-scream "The Scream, Edvard Munch, 1893"
style kandinsky-composition-vii composition-vii "Composition VII, Wassily Kandinsky, 1913"
style seurat-la-grande-jatte la-grande-jatte "A Sunday on La Grande Jatte, Georges Seurat, 1884-86"
style picabia-udnie udnie "Udnie, Francis Picabia, 1913"
style roman-mosaic-ducks mosaic "Mosaic of ducks, Roman, antiquity"
style van-gogh-wheat-field-with-cypresses wheat-field "A Wheatfield with Cypresses, Vincent van Gogh, 1889"
style van-gogh-night-cafe night-cafe "The Night Cafe, Vincent van Gogh, 1888"
style monet-water-lilies-1919 water-lilies "Water Lilies, Claude Monet, 1919"
style monet-japanese-bridge japanese-bridge "The Japanese Bridge, Claude Monet, 1899"
style cezanne-mont-sainte-victoire sainte-victoire "Mont Sainte-Victoire and the Viaduct, Paul Cezanne, 1882-85"
style franz-marc-little-blue-horse blue-horse "Little Blue Horse, Franz Marc, 1912"
style gauguin-ia-orana-maria ia-orana-maria "Ia Orana Maria, Paul Gauguin, 1891"
style juan-gris-portrait-of-picasso picasso "Portrait of Pablo Picasso, Juan Gris, 1912"
style kirchner-the-street the-street "Street, Berlin, Ernst Ludwig Kirchner, 1913"
style klimt-adele-bloch-bauer adele "Portrait of Adele Bloch-Bauer I, Gustav Klimt, 1907"
style robert-delaunay-eiffel-tower eiffel-tower "The Eiffel Tower, Robert Delaunay, 1911"
style robert-delaunay-portrait-of-metzinger metzinger "Portrait of Jean Metzinger, Robert Delaunay, 1906"
style signac-the-seine-at-saint-cloud the-seine "The Seine at Saint-Cloud, Paul Signac, 1900"
style turner-shipwreck-of-the-minotaur shipwreck "The Shipwreck of the Minotaur, J. M. W. Turner, 1810"
style russolo-the-revolt the-revolt "The Revolt, Luigi Russolo, 1911"
style popova-female-model female-model "Female Model, Lyubov Popova, 1913"
style anonymous-pencil-abbey-ruins abbey-ruins "Ruined abbey, unknown draughtsman, 19th century"
style bayeux-tapestry bayeux "Bayeux Tapestry, unknown embroiderers, about 1077"
style mucha-dance dance "Dance, Alphonse Mucha, 1898"
IFS='
'
# shellcheck disable=SC2086
exec "$(dirname "$0")/../impasto" train style $files --names "$names" --title Masters \
  --license "non-commercial research (photographs of the training); paintings in the public domain" \
  --photos "$photos" --features "$features" --width 16 --inner 96 --residuals 4 --size 224 --brush=no \
  --content-weight 1.4 --style-weight 11 --adversary-weight 0 --rate 0.0015 --steps 8000 \
  --output "$(dirname "$0")/masters.safetensors" --overwrite "$@"
