#!/bin/sh
# Builds what the guided fuzzing needs into dist/fuzz: libFuzzer as an addon of Node.js, and the fuzzers of the C++, which
# run with AddressSanitizer and UndefinedBehaviorSanitizer. The linker does not care which Node.js comes.
set -eu

root=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$root"
mkdir -p dist/fuzz
headers=$(deploy/node-headers.sh)
includes="-isystem ${headers:-/usr}/include/node -isystem node_modules/node-addon-api"
flags='-std=gnu++17 -fexceptions -Wall -Wextra -g -O1 -DNAPI_VERSION=8 -DNODE_ADDON_API_CPP_EXCEPTIONS'
library=$(clang++ -print-file-name="libclang_rt.fuzzer_no_main-$(uname -m).a")

# shellcheck disable=SC2086 # one word for each flag
clang++ $flags $includes -fPIC -shared test/fuzz/guided/bridge.cc \
  -Wl,--whole-archive "$library" -Wl,--no-whole-archive -o dist/fuzz/bridge.node

for source in test/fuzz/guided/native/*.cc; do
  name=$(basename "$source" .cc)
  # shellcheck disable=SC2086
  clang++ $flags $includes -Inative-bindings/src -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    "$source" $(sed -n 's|^// sources: ||p' "$source") -o "dist/fuzz/$name"
done
