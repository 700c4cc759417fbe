#!/bin/sh
# Every test: installs what is missing, builds, runs CTest. Its exit status is CTest's.
#
#   sh tests/run.sh [--sanitize | --clang | --valgrind] [CTEST-ARGUMENT...]
#
#   --sanitize   with AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan/
#   --clang      compiled by clang, in build-clang/
#   --valgrind   the unit tests under valgrind, in build-valgrind/
#
# Arguments for CTest choose tests, say -L unit or -R webhook.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)

# shellcheck source=nginx/packages.sh
. "$root/nginx/packages.sh"

packages="$packages_build $packages_run $packages_test"
build=build
variant=${1:-}
set_up=
case $variant in
--sanitize)
    build=build-asan
    set_up=-DSANITIZE=address\;undefined
    ;;
--clang)
    build=build-clang
    set_up=-DCMAKE_C_COMPILER=clang
    packages="$packages $packages_clang"
    ;;
--valgrind)
    # CTest puts the "emulator" before every test program that was built here.
    build=build-valgrind
    set_up='-DCMAKE_SYSTEM_NAME=Linux
        -DCMAKE_CROSSCOMPILING_EMULATOR=valgrind;-q;--error-exitcode=99;--leak-check=full'
    ;;
-h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
*) variant= ;;
esac
[ -z "$variant" ] || shift
[ "$variant" != --valgrind ] || set -- -L unit "$@"

# shellcheck disable=SC2086 # a list
packages_need $packages
# pgTAP's package is named after the server's version.
packages_need "$(packages_pgtap)"

# shellcheck disable=SC2086 # a list
cmake -S "$root" -B "$root/$build" -DWERROR=ON $set_up
cmake --build "$root/$build" --parallel "$(nproc)"
exec ctest --test-dir "$root/$build" --output-on-failure --parallel 2 "$@"
