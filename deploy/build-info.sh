#!/bin/sh
# Writes the commit that is built to the JSON file $1, which `multihomed --version` reads; leaves the file alone where
# that didn't change.
set -u

file=$1
commit=unknown
# A tree without its own .git may lie inside somebody else's repository.
if [ -e .git ]; then
  # Root may build a tree that belongs to a user, which git refuses by default.
  commit=$(git -c safe.directory='*' rev-parse --short HEAD 2>/dev/null) || commit=unknown
fi
info="{\"commit\": \"$commit\"}"
mkdir -p "$(dirname "$file")" || exit
[ "$(cat "$file" 2>/dev/null)" = "$info" ] || printf '%s\n' "$info" >"$file"
