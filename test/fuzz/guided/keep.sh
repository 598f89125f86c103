#!/bin/sh
# Adds inputs of dist/fuzz/corpus, which `make fuzz` found, to test/fuzz/corpus, where they reach blocks that nothing there does.
#
#   keep.sh [TARGET...]     all of them where none is named
set -eu

cd "$(dirname "$0")/../../.."
[ $# -gt 0 ] || set -- $(ls dist/fuzz/corpus)
for target; do
  program="node dist/test/fuzz/guided/process.js $target"
  [ -x "dist/fuzz/$target" ] && program="dist/fuzz/$target"
  mkdir -p "test/fuzz/corpus/$target"
  # shellcheck disable=SC2086 # one word for each part of the command
  $program -use_counters=0 -set_cover_merge=1 "test/fuzz/corpus/$target" "dist/fuzz/corpus/$target" 2>&1 | sed -n "s|^MERGE-OUTER: \(.*new files\).*|$target: \1|p"
done
