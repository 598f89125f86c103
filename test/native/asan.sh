#!/bin/sh
# Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer and runs its tests on it, in a copy of the tree, so
# that the ordinary build stays as it is.
#
#   asan.sh [DIRECTORY]     where test/run.ts finds the reports: asan-unit.json, asan-lab.json
#
# Exit status: 0, that of jest where a test failed, that of the sandbox where there can be none.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
results=${1:+$(cd "$1" && pwd)}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$root"
mkdir "$copy/native-bindings"
cp -R package.json tsconfig.json jest.config.js agent deploy test "$copy"
cp -R native-bindings/*.ts native-bindings/binding.gyp native-bindings/src "$copy/native-bindings"
ln -s "$root/node_modules" "$copy/node_modules"
cd "$copy"

headers=$(deploy/node-headers.sh)
sanitizers='-fsanitize=address,undefined -fno-sanitize-recover=all'
CXXFLAGS="$sanitizers -fno-omit-frame-pointer -g -O1" LDFLAGS="$sanitizers" \
  node node_modules/node-gyp/bin/node-gyp.js --silent --jobs max rebuild ${headers:+"--nodedir=$headers"} --directory native-bindings
# Types are the lint step's business.
node_modules/.bin/tsc -p . --noCheck

# Node itself is built without the sanitizer, so its runtime has to be there before the addon asks for it.
runtime=$(${CXX:-c++} -print-file-name=libasan.so)
# V8 and Node leave memory to the end of the process on purpose, and the leak check would name each such block. What our
# sources might leak, the test of a million frames measures; for that, freed memory must not be held back for long.
options='detect_leaks=0:abort_on_error=1:quarantine_size_mb=4'
# The tests that run our C++. Those of the packages raw-socket and cap run theirs, and raw-socket deletes a uv_poll_t as
# a uv_handle_t (SocketWrap::OnClose), which the sanitizer rightly does not let pass.
tests='native-(datagram|echo-filter|error|handler|interface|match|netlink|packet|ring|screen|timer|unpolled|volume|wires)'

# suite NAME [WRAPPER...]: children inherit the runtime, as they would any other preloaded library.
suite() {
  suite=$1
  shift
  "$@" env "LD_PRELOAD=$runtime" "ASAN_OPTIONS=$options" 'UBSAN_OPTIONS=print_stacktrace=1' \
    node node_modules/jest/bin/jest.js --runInBand --selectProjects "$suite" --testPathPatterns "$tests" \
    ${results:+--json "--outputFile=$results/asan-$suite.json"} || status=$?
}

status=0
suite unit
suite lab node "$root/dist/deploy/lab/sandbox.js"
exit $status
