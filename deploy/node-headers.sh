#!/bin/sh
# Prints the directory with the headers of the running Node.js, in the form that node-gyp takes as --nodedir; nothing
# where they are not installed (node-gyp then downloads them).
set -u

# Beside the program: so with the archives from nodejs.org, and with Debian's nodejs and libnode-dev.
prefix=$(node -p 'path.dirname(path.dirname(process.execPath))') || exit
header=$prefix/include/node/node_version.h
[ -f "$header" ] || exit 0
# Headers of another version may stay behind when Node.js is replaced, and give a crash instead of an error.
found=$(awk '$1 == "#define" && $2 ~ /^NODE_(MAJOR|MINOR|PATCH)_VERSION$/ { printf "%s%s", dot, $3; dot = "." }' "$header")
[ "$found" = "$(node -p process.versions.node)" ] && printf '%s\n' "$prefix"
exit 0
