#!/bin/sh
# Runs one step of the set-up or the build: its name and how long it took on one line, its output in a log file,
# which is shown where the step fails.
#
#   step.sh NAME COMMAND [ARGUMENT...]
#
# Exit status: the command's. The log is $STEP_LOG, else dist/setup.log.
set -u

name=$1
shift
log=${STEP_LOG:-dist/setup.log}
mkdir -p "$(dirname "$log")" || exit

printf '%-44s' "$name"
printf '\n== %s: %s\n' "$name" "$*" >>"$log" || exit
before=$(wc -c <"$log")
started=$(date +%s)
"$@" </dev/null >>"$log" 2>&1
status=$?
seconds=$(($(date +%s) - started))
if [ "$status" -eq 0 ]; then
  printf '%4d s\n' "$seconds"
else
  printf 'failed after %d s (exit status %d):\n' "$seconds" "$status"
  # Only what this step wrote; of that the beginning and the end, since some tools name the cause first, others last.
  tail -c "+$((before + 1))" "$log" |
    awk '{ line[NR] = $0 }
      END { for (i = 1; i <= NR; i++) if (i <= 30 || i > NR - 30) print "    " line[i]; else if (i == 31) print "    ..." }'
  printf 'The whole log is in %s\n' "$log"
fi
exit "$status"
