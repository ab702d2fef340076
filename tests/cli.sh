# SPDX-License-Identifier: Apache-2.0
#
# What the tests of the command have in common: read by test_cli*.sh, each called with IMPASTO MAKE_PACK PICTURE. They see
# the command from outside, in TAP: what it prints, the status it ends with, and that nothing half-written stays. Packs
# have random weights; pictures are made by painting PICTURE at small sizes. Each script has a folder of its own.
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
  [ "$result" = ok ] || { echo "# status $status"; sed 's/^/# /' err out; }
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

# stop_at TEXT SIGNAL ARGUMENT...: runs impasto and sends it the signal at the first line of its stdout that holds TEXT;
# $status, out and err as with run. It waits for that line or for the end of the program, and for no clock.
stop_at () {
  text=$1; signal=$2; shift 2
  rm -f lines; mkfifo lines
  "$impasto" "$@" >lines 2>err </dev/null &
  pid=$!
  while read -r line; do
    echo "$line"
    case $line in *"$text"*) [ -z "$signal" ] || kill -"$signal" $pid; signal= ;; esac
  done <lines >out
  wait $pid; status=$?
}

# small_picture: paints small.png, 40 pixels wide.
small_picture () {
  run paint "$picture" --style alpha --size 40 -o small.png; painted small.png
}

# unsign PNG...: takes out what tells that impasto painted it; in a folder it is a photograph then.
unsign () {
  perl -0777 -pi -e 's/....zTXtXML:com.adobe.xmp\0.*(?=....IDAT)//s' "$@"
}

# end_of_cases: the plan, and the status of the script.
end_of_cases () {
  echo "1..$count"
  exit $failed
}

mkdir models
"$make_pack" models/pair.safetensors alpha beta && "$make_pack" models/one.safetensors gamma
status=$?
[ $status = 0 ] || { echo "Bail out! no packs"; exit 1; }
