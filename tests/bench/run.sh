#!/bin/sh
# How fast, beside what the machine can do: prints tables in Markdown.
#
#   sh tests/bench/run.sh [OPTION]... BUILD-DIRECTORY [OTHER-BUILD]
#
# OTHER-BUILD is that of another commit, in a worktree of its own: its programs, on a database with its
# own schema, are measured as "before" beside these, in the same rounds.
#
#   --quick         one short round: does it work, not how fast is it
#   --only PART     only this part; may be given more than once. The parts are
#                   webhook-cgi webhook-fastcgi webhook-rate sql send-cgi send-fastcgi send-whatsapp
#                   memory instructions, and, when asked for by name, delays growth trial
#   --node          also services in Node (node/), which npm installs into BUILD-DIRECTORY at first
#   --rounds N      rounds (3); each runs every program of a part once, the next one backwards
#   --seconds N     how long one program is measured in one round (3), a whole number
#   --processes N   FastCGI processes of each program (1, as the package starts them)
#   --keep FILE     also write each single measurement there
#   --print FILE    measure nothing: the tables of such a file
#   --readme FILE   measure nothing: put the figures of such a file into README.md's table
#
# All parts with --node and OTHER-BUILD take 25 minutes at three rounds of three seconds.
#
# Everything runs here: database, web server, programs, the stand-in for Twilio, and the load, so
# only ratios within one table mean anything. Each figure is the median of its rounds, each ratio
# the median of the rounds' ratios, with the smallest and the largest of them behind it. Every request
# is a new one, and after every measurement the database must hold what was answered, else the run
# fails.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
here=$root/tests/bench
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=tests/common.sh
. "$root/tests/common.sh"
# shellcheck source=tests/bench/world.sh
. "$here/world.sh"
# shellcheck source=tests/bench/programs.sh
. "$here/programs.sh"
# shellcheck source=tests/bench/measure.sh
. "$here/measure.sh"
for file in "$here"/part_*.sh; do
    # shellcheck source=tests/bench/part_memory.sh
    . "$file"
done

parts='webhook-cgi webhook-fastcgi webhook-rate sql send-cgi send-fastcgi send-whatsapp memory instructions'
only='' rounds=3 seconds=3 grown=1000000 keep='' flat_first=10000 flat_then=90000
processes=1 node='' other='' failed=''

usage()
{
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit "$1"
}

# The first table of its section Speed.
readme()
{
    awk -f "$here/figures.awk" -f "$here/readme.awk" "$1" | grep '^|' >"$root/README.md.table"
    awk -v table="$root/README.md.table" '
        /^## / { speed = /^## Speed/ }
        speed && /^\|/ && !done {
            while ((getline row < table) > 0) print row
            done = inside = 1
        }
        !/^\|/ { inside = 0 }
        !inside' "$root/README.md" >"$root/README.md.new"
    mv "$root/README.md.new" "$root/README.md"
    rm "$root/README.md.table"
}

tables()
{
    awk -f "$here/figures.awk" -f "$here/table.awk" -f "$here/aims.awk" -f "$here/readme.awk" "$1"
}

build=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) rounds=1 seconds=1 grown=6000 flat_first=500 flat_then=500 ;;
    --only) only="$only $2" && shift ;;
    --node) node=yes ;;
    --rounds) rounds=$2 && shift ;;
    --seconds) seconds=$2 && shift ;;
    --processes) processes=$2 && shift ;;
    --keep) keep=$2 && shift ;;
    --print) tables "$2" && exit ;;
    --readme) readme "$2" && exit ;;
    -h | --help) usage 0 ;;
    -*) usage 2 >&2 ;;
    *) [ -n "$build" ] && other=$1 || build=$1 ;;
    esac
    shift
done
[ -n "$build" ] || usage 2 >&2
build=$(cd "$build" && pwd -P)
[ -z "$other" ] || other=$(cd "$other" && pwd -P)
rows=$((seconds * 5000)) # each has five callbacks

begin
for part in ${only:-$parts}; do
    echo "# $part, $(cut -d ' ' -f 1 /proc/loadavg) busy" >&2
    "part_$(echo "$part" | tr - _)"
done
tables "$results"
[ -z "$failed" ]
