#!/bin/sh
# Installs the npm packages of package-lock.json. No package's own script runs: the two addons that are used are built
# by the Makefile, with the headers that it has chosen.
set -u

# Accounts such as nobody have no home directory, where npm keeps its cache and its logs.
if ! [ -w "${HOME:-/nonexistent}" ]; then
  HOME=$(mktemp -d) || exit
  export HOME
  trap 'rm -rf "$HOME"' EXIT
fi
npm ci --ignore-scripts --no-audit --no-fund
