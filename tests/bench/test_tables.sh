#!/bin/sh
# The tables of what is in tables.results: medians, ratios round by round with their range, aims, README's
# rows. What is expected was reckoned by hand.
set -eu
here=$(dirname "$0")
sh "$here/run.sh" --print "$here/tables.results" | diff "$here/tables.expected" -
