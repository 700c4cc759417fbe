#!/bin/sh
# The tests: installs what is missing, builds, runs CTest. Its exit status is CTest's. An end-to-end test
# is run in CGI and in FastCGI where they differ for it; behind each web server and at its full size with --full.
#
#   sh tests/run.sh [--full | --postgres VERSION | --sanitize | --thread | --fuzz | --clang | --valgrind |
#                    --analyze | --coverage] [CTEST-ARGUMENT...]
#
#   --full       end-to-end tests also behind the servers that change little for them, the faults at
#                their full size with a soak of 30 minutes, the plans on 1,000,000 rows, clang-tidy,
#                clang-format 14, the unit tests and a first message in a clean Debian 13, every PostgreSQL,
#                the release before beside this one, pg_upgrade
#   --postgres   the tests of sql/, and the programs' end to end, with PostgreSQL 16, 17 or 18 from npm
#   --sanitize   with AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan/
#   --thread     the unit tests and FastCGI under load with ThreadSanitizer, in build-tsan/
#   --fuzz       each fuzz target for a while, in build-fuzz/; FUZZ_RUNS says how long
#   --clang      compiled by clang, in build-clang/
#   --valgrind   the unit tests and the programs end to end under valgrind, in build-valgrind/
#   --analyze    static analysis alone: what a run has of it, clang-tidy, clang-format 14
#   --coverage   the unit tests, the programs end to end and the faults, in build-coverage/, then
#                what they ran of lib/ and cgi-bin/; build-coverage/coverage.html has each line
#
# Arguments for CTest choose tests, say -L unit or -R webhook; long ones come after a --.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)

# shellcheck source=nginx/packages.sh
. "$root/nginx/packages.sh"

packages="$packages_build $packages_run $packages_test $packages_clang"
build=build
variant=${1:-}
set_up=
case $variant in
--full)
    packages="$packages $packages_analyze"
    export FAULTS_FULL=1 ROWS=1000000
    ;;
--postgres)
    case ${2:-} in
    16 | 17 | 18) postgres=$2 ;;
    *)
        echo "run.sh: --postgres takes 16, 17 or 18; a run without it has the system's PostgreSQL" >&2
        exit 2
        ;;
    esac
    shift
    ;;
--sanitize)
    build=build-asan
    set_up=-DSANITIZE=address\;undefined
    ;;
--thread)
    build=build-tsan
    set_up=-DSANITIZE=thread
    ;;
--fuzz)
    build=build-fuzz
    set_up="-DCMAKE_C_COMPILER=clang -DSANITIZE=address;undefined;fuzzer-no-link
        -DFUZZ_RUNS=${FUZZ_RUNS:-20000}"
    ;;
--clang)
    build=build-clang
    # valgrind 3.19 cannot read DWARF 5 as clang writes it.
    set_up='-DCMAKE_C_COMPILER=clang -DCMAKE_C_FLAGS=-gdwarf-4'
    ;;
--valgrind)
    # CTest puts the "emulator" before every test program that was built here. What is not
    # initialized stays so, to be seen.
    build=build-valgrind
    set_up='-DHARDEN=OFF -DCMAKE_SYSTEM_NAME=Linux
        -DCMAKE_CROSSCOMPILING_EMULATOR=valgrind;-q;--error-exitcode=99;--leak-check=full'
    export E2E_WRAPPER='valgrind -q --error-exitcode=99 --leak-check=full'
    ;;
--analyze)
    packages="$packages $packages_analyze"
    ;;
--coverage)
    build=build-coverage
    # Threads count together.
    set_up='-DHARDEN=OFF -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=--coverage
        -DCMAKE_C_FLAGS_DEBUG=-fprofile-update=atomic'
    packages="$packages $packages_coverage"
    ;;
-h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
*) variant= ;;
esac
[ -z "$variant" ] || shift
# CTest would pass over what it does not know, and run everything.
unknown()
{
    echo "run.sh: unknown argument '$1', see --help" >&2
    exit 2
}
case ${1:-} in
[!-]*) unknown "$1" ;;
esac
for argument; do
    case $argument in
    --) break ;;
    --*) unknown "$argument" ;;
    esac
done
case $variant in
--full) set -- -C full "$@" ;;
--postgres) set -- -C postgres -L "^postgres$postgres\$" "$@" ;;
--fuzz) set -- -L fuzz "$@" ;;
--thread) set -- -R '^(unit-|faults-.*fastcgi)' "$@" ;;
# Many requests at the same time take longer there than the minute they may.
--valgrind) set -- -R '^(unit-|e2e\.direct\.)' -E '^e2e\.direct\.(rate_limit|idempotency)$' "$@" ;;
--coverage) set -- -R '^(unit-|e2e\.direct\.|faults-)' "$@" ;;
--analyze) set -- -C analyze -L analyze "$@" ;;
esac

# shellcheck disable=SC2086 # a list
packages_need $packages
# shellcheck disable=SC2046 # a list
packages_need $(packages_lean)
# pgTAP's package is named after the server's version, the sanitizers' after clang's.
packages_need "$(packages_pgtap)"
packages_need "libclang-rt-$(clang -dumpversion | sed 's/\..*//')-dev"

# npm trusts whom the system trusts, as curl does: an authority of the house's own, too.
export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"

# shellcheck disable=SC2086 # a list
cmake -S "$root" -B "$root/$build" -DWERROR=ON $set_up
cmake --build "$root/$build" --parallel "$(nproc)"
run_tests() { ctest --test-dir "$root/$build" --output-on-failure --parallel 4 "$@"; }
[ "$variant" = --coverage ] || { run_tests "$@"; exit; }

# The programs count into one file each, whatever user they run as.
find "$root/$build" -name '*.gcda' -delete
find "$root/$build" -type d -name '*.dir' -exec chmod a+rwx {} +
umask 0
run_tests "$@" && status=0 || status=$?
cd "$root"
report()
{
    gcovr -r . --object-directory "$build" -f lib/ -f cgi-bin/ "$@" "$build/lib" "$build/cgi-bin"
}
report --html-details "$build/coverage.html"
report
report --branches
exit "$status"
