#!/bin/sh
# Builds the version of the commit $1 with the npm packages of this tree, unless that has been done, and prints its directory:
# for `make test-upgrade`, which takes hosts from one version to another.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
# Root may build a tree that belongs to a user, which git refuses by default.
git() { command git -c safe.directory='*' "$@"; }
if [ -z "${1:-}" ] || ! commit=$(git rev-parse --verify --quiet --short "$1^{commit}"); then
  echo "There is no commit '${1:-}' here; name one, such as OLD=HEAD~20." >&2
  exit 64
fi
version=$here/dist/versions/$commit
if [ ! -e "$version/dist/build.json" ]; then
  rm -rf "$version"
  mkdir -p "$version"
  git archive "$commit" | tar -x -C "$version"
  ln -s "$here/node_modules" "$version/node_modules"
  headers=$(deploy/node-headers.sh 2>/dev/null) || headers=
  deploy/step.sh "building the addon of $commit" \
    node node_modules/node-gyp/bin/node-gyp.js rebuild ${headers:+"--nodedir=$headers"} --directory "$version/native-bindings" >&2
  deploy/step.sh "compiling $commit" node_modules/.bin/tsc -p "$version" >&2
  printf '{"commit": "%s"}\n' "$commit" >"$version/dist/build.json"
fi
echo "$version"
