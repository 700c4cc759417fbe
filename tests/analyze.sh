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
# constVariablePointer, constParameterCallback (from 2.11 on): what a cleanup attribute or a library's
# callback is given has that function's type. normalCheckLevelMaxBranches: no finding, but a remark.
check_cppcheck()
{
    cppcheck -q --std=c11 --enable=warning,style,performance,portability --inline-suppr \
        --suppress=missingIncludeSystem --suppress=knownConditionTrueFalse \
        --suppress=variableScope --suppress=constVariablePointer --suppress=constParameterCallback \
        --suppress=normalCheckLevelMaxBranches --error-exitcode=1 -I lib lib cgi-bin
}

# How the files are compiled, without what only one compiler understands.
flags()
{
    echo -std=gnu17 -include lib/banned.h -I lib
    echo -DLIBJWT=__FILE__ # a name, which the build knows
    pkg-config --cflags libcurl libpq libcjson libjwt fcgi libcrypto
}

# analyzer-fd-leak (from 13 on): where 0, 1 or 2 was closed, what is opened takes its place and stays
# (lib/cgi.c); gcc holds that for forgotten.
check_gcc()
{
    # shellcheck disable=SC2046 # options
    each_file gcc -fanalyzer -Wno-analyzer-fd-leak -Werror -O1 $(flags) -S -o - '{}' >/dev/null
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

# protected PROGRAM: control flow integrity needs a C library that has it, which Debian's is not. Branch
# protection is of another processor; only newer devscripts ask for it.
protected()
{
    # shellcheck disable=SC2046 # an option, or none
    hardening-check --nocfprotection \
        $(grep -o -m 1 nobranchprotection "$(command -v hardening-check)" | sed 's/^/--/') \
        "$1" >"$build/hardening-check" || {
        cat "$build/hardening-check"
        return 1
    }
    if readelf -lW "$1" | grep -q 'GNU_STACK.* RWE'; then
        echo "$1: the stack is executable"
        return 1
    fi
}

check_protections()
{
    for program in send-twilio-message send-whatsapp twilio-delivery-status; do
        protected "$build/cgi-bin/$program"
    done
    # Nothing is started, so nothing gets this environment. (An archive of libcurl has a call or two for what
    # is never asked of it.)
    if nm -u "$build/lib/libmessaging.a" "$build"/cgi-bin/CMakeFiles/*.dir/*.o |
        grep -E ' U (exec|posix_spawn|v?fork|clone|system|popen)'; then
        echo 'a program starts programs'
        return 1
    fi
}

"check_$(echo "$1" | tr - _)"
