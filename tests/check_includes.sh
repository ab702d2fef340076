#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tests/check_includes.sh [ROOT]: does the text of the sources keep the house rules? Speaks TAP, a case a rule:
#   order      a file includes its own room and the rooms to its left; graph ... onnx do not know image;
#              apps include only include/impasto; the public headers only each other, GLib and the C library
#   libraries  a third party's header stands only in the room that owns it
#   length     no file of 900 lines or more
#   licence    every file of ours opens with its SPDX line
# and first a case that runs all of it over a tree of offenders, each of which must be found.
# tests, bench, fuzz and tools may include everything.
set -u

rooms='base tensor format image graph device op compile net onnx train effect video apps'

# Prints "rule file: complaint" for every offence below the current folder.
find_offences () {
  find include src apps tests bench fuzz tools -name '*.[ch]' 2>/dev/null | LC_ALL=C sort | while IFS= read -r file; do
    awk -v file="$file" -v rooms="$rooms" '
      function offence(rule, text) { printf "%s %s:%d: %s\n", rule, file, FNR, text }

      # The room that a file belongs to: src/<room>/, apps, or public for include/impasto.
      function room_of(path,   part) {
        split (path, part, "/")
        return part[1] == "src" ? part[2] : part[1] == "include" ? "public" : part[1]
      }

      # Where a header in angle brackets may be included: a pattern of paths, "." for everywhere, "" for nowhere.
      function owner(header) {
        if (header ~ /^(glib|gio|json-glib)\/|^(glib|gmodule|glib-object|glib-unix)\.h$/) return "."
        if (header ~ /^(assert|ctype|errno|fenv|float|inttypes|limits|locale|math|setjmp|signal)\.h$/) return "."
        if (header ~ /^(stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn)\.h$/) return "."
        if (header ~ /^(malloc|string|strings|time|wchar|unistd|fcntl|pthread|sched|poll|dirent|termios|dlfcn)\.h$/) return "."
        if (header ~ /^(sys|linux|arpa|netinet)\//) return "."
        if (header ~ /^([a-z]*mmintrin|immintrin|x86intrin|arm_neon|cpuid|omp)\.h$/) return "."
        if (header ~ /^(dnnl|oneapi\/dnnl\/|cuda|cudnn)/) return "^src/device/"
        if (header ~ /^vips\//) return "^src/image/"
        if (header ~ /^hdf5/) return "^src/format/"
        if (header ~ /^(protobuf-c|onnx)/) return "^src/onnx/"
        if (header ~ /^(libav|libsw)/) return "^src/video/"
        if (header ~ /^mpi\.h$/) return "^src/train/cluster\\.c$"
        if (header ~ /^(libsoup\/|sqlite3\.h)/) return "^apps/studio/"
        if (header ~ /^(libgimp|gtk|gegl)/) return "^apps/gimp/"
        if (header ~ /^frei0r/) return "^apps/frei0r/"
        return ""
      }

      function check_own(header,   slash, theirs) {
        slash = index (header, "/")
        theirs = substr (header, 1, slash - 1)
        if (slash == 0 || theirs == room) return
        if (theirs == "impasto") return
        if (room == "public") { offence("order", "a public header includes \"" header "\""); return }
        if (room == "apps") {
          if (theirs != app) offence("order", "apps include only impasto/..., not \"" header "\"")
          return
        }
        if (!(theirs in place)) { offence("order", "\"" header "\" is in no room"); return }
        if (place[theirs] > place[room]) offence("order", room " comes before " theirs ", but includes \"" header "\"")
        if (theirs == "image" && room ~ /^(graph|device|op|compile|net|onnx)$/)
          offence("order", room " does not know image, but includes \"" header "\"")
      }

      BEGIN {
        n = split (rooms, list, " ")
        for (i = 1; i <= n; i++) place[list[i]] = i
        room = room_of(file)
        split (file, parts, "/")
        app = parts[2]
        free = room ~ /^(tests|bench|fuzz|tools)$/
        if (!free && room != "public" && !(room in place)) offence("order", room " is no room of the house")
      }
      FNR == 1 && !/SPDX-License-Identifier: Apache-2\.0/ { offence("licence", "the first line lacks the SPDX tag") }
      !free && match ($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]+"/) {
        header = $0; sub (/^[^"]*"/, "", header); sub (/".*/, "", header)
        check_own(header)
      }
      !free && match ($0, /^[ \t]*#[ \t]*include[ \t]*<[^>]+>/) {
        header = $0; sub (/^[^<]*</, "", header); sub (/>.*/, "", header)
        where = owner(header)
        if (header ~ /^impasto\//) next
        else if (where == "") offence("libraries", "<" header "> is of no library that the house knows")
        else if (file !~ where) offence("libraries", "<" header "> belongs into " substr (where, 2))
      }
      END { if (FNR >= 900) offence("length", FNR " lines, fewer than 900 are allowed") }
    ' "$file"
  done
}

# A tree of offenders: the file, its one bad line, the rule that must name it.
self_test () {
  tree=$(mktemp -d) || return 1
  trap 'rm -rf "$tree"' EXIT
  missed=0
  while IFS='|' read -r rule file line; do
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/$(dirname "$file")"
    printf '/* SPDX-License-Identifier: Apache-2.0 */\n%s\n' "$line" >"$tree/$file"
    case $rule in
      licence) sed -i 1d "$tree/$file" ;;
      length) yes '' | head -n 900 >>"$tree/$file" ;;
    esac
    found=$(cd "$tree" && find_offences)
    case $rule:$found in
      none:) ;;
      "$rule:$rule $file:"*) ;;
      *) missed=1; printf '# %s with %s: wanted "%s", found "%s"\n' "$file" "$line" "$rule" "$found" ;;
    esac
  done <<'END'
order|src/base/a.h|#include "tensor/tensor.h"
order|src/graph/a.c|#include "image/image.h"
order|src/net/a.c|  # include "image/image.h"
order|src/op/a.c|#include "garden/image.h"
order|src/garden/a.c|int a;
order|apps/cli/a.c|#include "graph/graph.h"
order|include/impasto/a.h|#include "base/option.h"
libraries|src/op/a.c|#include <dnnl.h>
libraries|src/train/a.c|#include <vips/vips.h>
libraries|apps/cli/a.c|#include <vips/vips.h>
libraries|src/base/a.c|#include <boost/any.hpp>
length|src/base/a.c|int a;
length|tests/a.c|int a;
licence|src/base/a.c|int a;
none|src/train/a.c|#include "image/image.h"
none|src/device/cpu.c|#include <dnnl.h>
none|src/image/file.c|#include <vips/vips.h>
none|src/op/a.c|#include "op/op.h"
none|src/base/a.c|#include <impasto/error.h>
none|tests/a.c|#include "effect/effect.h"
END
  rm -rf "$tree"
  return $missed
}

# report NUMBER RULE MEANING: a case of the real tree.
report () {
  bad=$(printf '%s\n' "$offences" | sed -n "s/^$2 //p")
  if [ -z "$bad" ]; then
    echo "ok $1 - $3"
  else
    echo "not ok $1 - $3"
    printf '%s\n' "$bad" | sed 's/^/# /'
    status=1
  fi
}

cd "${1:-$(dirname "$0")/..}" || exit 1
status=0
echo 1..5
if message=$(self_test); then echo "ok 1 - every offender of the test tree is found"; else
  echo "not ok 1 - every offender of the test tree is found"
  printf '%s\n' "$message"
  status=1
fi
offences=$(find_offences)
report 2 order "rooms are included from right to left only"
report 3 libraries "third-party headers stay in their rooms"
report 4 length "files below 900 lines"
report 5 licence "every file has its SPDX line"
exit $status
