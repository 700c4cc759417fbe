#!/bin/sh
# The manual pages and the example of a settings file say what the programs say of themselves; and the README
# names nothing that is not there.

# shellcheck disable=SC2016 # what the README marks as code

set -- "$1" direct
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d /tmp/twilio-cgi-e2e.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
: >"$work/twilio.log"
programs='send-twilio-message send-whatsapp twilio-delivery-status'

# "NAME what it means [default]", a line each
settings_of() { "$build/cgi-bin/$1" --help | sed '1,/^Settings/d' | sed -n 's/^  \([A-Z_]*\)  */\1 /p'; }

for program in $programs; do
    page=$root/cgi-bin/$program.8

    it "$program(8) has the settings that $program has, in its words"
    settings_of "$program" >"$work/settings"
    [ "$(wc -l <"$work/settings")" -ge 5 ] || complain 'settings in --help' '5 or more' ''
    equals 'the settings' "$(cat "$work/settings")" "$(sed -n '/^\.Sh ENVIRONMENT/,/^\.Sh FILES/{
        s/^\.It Ev //; t name
        d; :name
        N; s/\n/ /; p; }' "$page")"

    it "$program(8) has its options, and each in the synopsis"
    "$build/cgi-bin/$program" --help | grep -o -- '--[a-z-]*' | sort -u >"$work/options"
    [ "$(wc -l <"$work/options")" -gt 2 ] || complain 'options in --help' '3 or more' ''
    sed 's/ Oo Fl/\n.It Fl/g; s/Op Fl/\n.It Fl/g' "$page" |
        sed -n 's/^\.It Fl -\([a-z-]*\).*/--\1/p' | sort -u >"$work/page"
    equals 'the options' "$(cat "$work/options")" "$(cat "$work/page")"
    while read -r option; do
        sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' "$page" | grep -q "Fl -${option#--}" ||
            complain 'in the synopsis' "$option" nothing
    done <"$work/options"

    it "$program(8) leads to all the other pages of ours"
    for other in twilio-cgi.7 send-twilio-message.8 send-whatsapp.8 twilio-delivery-status.8; do
        [ "$other" = "$program.8" ] || sed '1,/^\.Sh SEE ALSO/d' "$page" | grep -q "^\.Xr ${other%.?} ${other##*.}" ||
            complain 'SEE ALSO' "$other" nothing
    done

    it "$program(8) names the exit status of each of its ways to run"
    for words in '^0, also for a request' '^1 where' '^2 for an unknown option'; do
        equals "lines with '$words'" 1 \
            "$(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/p' "$page" | grep -c "$words")"
    done
    while read -r verb; do
        sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/p' "$page" | grep -q "^\.Fl -$verb\>" ||
            complain 'EXIT STATUS' "--$verb" nothing
    done <<TEXT
$(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' "$page" | sed -n 's/^\.Fl -\([a-z-]*\).*/\1/p; s/^\.Nm .*Fl -\([a-z-]*\).*/\1/p')
TEXT
done

it 'the example of a settings file has each setting once, with its meaning, its default, and no value'
for program in $programs; do settings_of "$program"; done | sort -u >"$work/settings"
sed -n '/^# /{ h; d; }; /^#[A-Z_]*=/{ G; s/^#\([A-Z_]*\)=\(.*\)\n# \(.*\)/\1 \3 [\2]/; s/ \[\]$//; p; }' \
    "$root/nginx/systemd/environment.in" | sort >"$work/example"
equals 'the settings' "$(cat "$work/settings")" "$(cat "$work/example")"
equals 'lines that say anything' '' "$(grep -v '^#\|^$' "$root/nginx/systemd/environment.in")"

it 'Apache hands each setting of a request over to a program'
for program in $programs; do settings_of "$program"; done |
    sed 's/ .*//; /^FCGI_THREADS$/d; /^DATABASE_POOL$/d; /^KEEP_/d; /^JWT_JWKS_URL$/d' | sort -u >"$work/settings"
sed -n 's/^ *PassEnv //p' "$root/nginx/apache/cgi.conf" | tr ' ' '\n' | grep -v '^PG' | sort >"$work/passed"
equals 'the settings' "$(cat "$work/settings")" "$(cat "$work/passed")"

it 'each room of lib/ is on its map, and no other'
( cd "$root/lib" && for file in *.[ch]; do echo "${file%.?}"; done ) | sort -u >"$work/rooms"
sed -n 's/^|[^|]*|\(.*\)|$/\1/p' "$root/lib/README.md" | grep -o '`[a-z_]*`' | tr -d '`' | sort >"$work/map"
equals 'the rooms' "$(cat "$work/rooms")" "$(cat "$work/map")"

readme=$root/README.md

it 'the README is short, in lines that can be read'
[ "$(wc -l <"$readme")" -le 500 ] || complain 'its lines' '500 at most' "$(wc -l <"$readme")"
equals 'lines of more than 320 characters' '' "$(LC_ALL=C.UTF-8 grep -nE '^.{321}' "$readme" | cut -c 1-60)"

it "the README's commands are never set from right to left"
equals 'code inside of <div dir="rtl">' '' "$(sed -n '/^<div dir="rtl">/,/^<\/div>/{ /^ *```/p; }' "$readme")"
equals 'open and closed' "$(grep -c '^<div dir="rtl">$' "$readme")" "$(grep -c '^</div>$' "$readme")"

it "the README's commands are a shell's"
sed -n '/^ *```sh$/,/^ *```$/{ /^ *```/d; p; }' "$readme" >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 30 ] || complain 'commands' '30 lines or more' ''
sed '/^[A-Z_]*=/d' "$work/commands" >"$work/commands.sh" # all but the settings file
equals 'sh -n' '' "$(sh -n "$work/commands.sh" 2>&1)"

it 'the files that the README names are there'
grep -oE '(`|[ .])(nginx|sql|tests|cgi-bin|lib|examples)/[A-Za-z0-9._/-]+' "$readme" |
    sed 's/^.//; s/[.]$//; s/^examples/nginx/' | sort -u >"$work/files"
grep -oE '`[a-z-]+[.](conf|sql|sh|timer|socket)`' "$readme" | tr -d '`' | sort -u >"$work/names"
[ "$(wc -l <"$work/files")" -ge 8 ] || complain 'files' '8 or more' "$(cat "$work/files")"
while read -r file; do
    [ -e "$root/$file" ] || complain 'in the README' "$file" 'no such file'
done <"$work/files"
while read -r name; do
    [ -n "$(cd "$root" && find cgi-bin lib nginx sql tests -name "$name" -o -name "$name.in")" ] ||
        complain 'in the README' "$name" 'no such file'
done <"$work/names"

it 'so are the options of the programs, the tests, and the sections that it points to'
for program in $programs; do "$build/cgi-bin/$program" --help; done |
    grep -o -- '--[a-z-]*' | sort -u >"$work/options"
for program in $programs; do
    grep -oE "$program --[a-z-]+" "$readme" | sed 's/.* //'
done | sort -u >"$work/used"
[ "$(wc -l <"$work/used")" -ge 5 ] || complain 'options' '5 or more' "$(cat "$work/used")"
equals 'options that no program has' '' "$(grep -vxF -f "$work/options" "$work/used")"
# What a run has, as CMake wrote it down: another ctest would write over the log of the one that runs this.
find "$build/tests" -name CTestTestfile.cmake -exec sed -n 's/^add_test(\[=*\[\([^]]*\)\].*/\1/p' {} + >"$work/tests"
sed -n '/^## Threats/,/^## Speed/s/.*| \(`[^|]*\) |$/\1/p' "$readme" | grep -oE '`[^`]+`' |
    tr -d '`' | sort -u >"$work/named"
[ "$(wc -l <"$work/named")" -ge 10 ] || complain 'tests' '10 or more' "$(cat "$work/named")"
while read -r name; do
    pattern=$(printf '%s\n' "$name" | sed 's/[.]/[.]/g; s/[*]/.*/g')
    grep -q "^$pattern\$" "$work/tests" || complain 'in the README' "$name" 'no such test'
done <"$work/named"
for section in $(grep -oE '\(#[a-z-]+\)' "$readme" | tr -d '()#' | sort -u); do
    grep -i '^##' "$readme" | tr ' A-Z' '-a-z' | grep -qx "#*-$section" ||
        complain 'in the README' "#$section" 'no such section'
done

finish
