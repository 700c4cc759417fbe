#!/bin/sh
# One fuzz target: every seed and regression, then so many new inputs. What it finds stays in build/.
#
#   sh run.sh PROGRAM RUNS [LIBFUZZER-OPTION...]
set -eu
program=$1 runs=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$program")
found=$(dirname "$program")/found/${name#fuzz_}
mkdir -p "$found"
set -- "$@" "$found"
for seeds in "$here/corpus/${name#fuzz_}" "$here/regression/${name#fuzz_}"; do
    [ ! -d "$seeds" ] || set -- "$@" "$seeds"
done
exec "$program" -runs="$runs" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found/" -dict="$here/tokens.dict" "$@"
