#!/bin/sh
# Static analysis of lib/ and cgi-bin/, and of what was built of them; quiet where all is clean.
#
#   sh tests/analyze.sh (cppcheck | gcc | clang-tidy | format | protections) BUILD-DIRECTORY
#
# What a tool must not say stands in .clang-tidy, in the options below or beside the line, each with
# its reason.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
build=$(cd "$2" && pwd -P)
cd "$root"

# Each file by itself: clang 14 sees no va_start() in any but the first that one process is given.
each_file() { printf '%s\n' lib/*.c cgi-bin/*.c | xargs -P 2 -I '{}' "$@"; }

# knownConditionTrueFalse: cppcheck 2.10 takes one caller's value for all of them.
# variableScope: a slice keeps the address of the array that it wants to see in an inner block.
check_cppcheck()
{
    cppcheck -q --std=c11 --enable=warning,style,performance,portability --inline-suppr \
        --suppress=missingIncludeSystem --suppress=knownConditionTrueFalse \
        --suppress=variableScope --error-exitcode=1 -I lib lib cgi-bin
}

# How the files are compiled, without what only one compiler understands.
flags()
{
    echo -std=gnu17 -include lib/banned.h -I lib
    echo -DLIBCJSON=__FILE__ -DLIBFCGI=__FILE__ # names, which the build knows
    pkg-config --cflags libcurl libpq libcjson fcgi libcrypto
}

check_gcc()
{
    # shellcheck disable=SC2046 # options
    each_file gcc -fanalyzer -Werror -O1 $(flags) -S -o - '{}' >/dev/null
}

# --quiet still counts the warnings of other people's headers.
check_clang_tidy()
{
    # shellcheck disable=SC2046 # options
    each_file clang-tidy --quiet '{}' -- $(flags) 2>"$build/clang-tidy.stderr" || {
        grep -v 'warnings\{0,1\} generated' "$build/clang-tidy.stderr" >&2
        return 1
    }
}

check_format() { clang-format --dry-run -Werror lib/*.[ch] cgi-bin/*.c tests/*/*.[ch]; }

# protected PROGRAM: control flow integrity needs a C library that has it, which Debian's is not.
protected()
{
    hardening-check --nocfprotection "$1" >"$build/hardening-check" || {
        cat "$build/hardening-check"
        return 1
    }
    if readelf -lW "$1" | grep -q 'GNU_STACK.* RWE'; then
        echo "$1: the stack is executable"
        return 1
    fi
    # Nothing is started, so nothing gets this environment.
    if readelf -W --dyn-syms "$1" | grep -E ' UND (exec|posix_spawn|v?fork|clone|system|popen)'; then
        echo "$1: starts programs"
        return 1
    fi
}

check_protections()
{
    for program in send-twilio-message send-whatsapp twilio-delivery-status; do
        protected "$build/cgi-bin/$program"
    done
}

"check_$(echo "$1" | tr - _)"
