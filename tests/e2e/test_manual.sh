#!/bin/sh
# The manual pages and the example of a settings file say what the programs say of themselves.

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

    it "$program(8) names the exit status of each of its ways to run"
    for words in '^0, also for a request' '^1 where' '^2 for an unknown option'; do
        equals "lines with '$words'" 1 \
            "$(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/p' "$page" | grep -c "$words")"
    done
done

it 'the example of a settings file has each setting once, with its meaning, its default, and no value'
for program in $programs; do settings_of "$program"; done | sort -u >"$work/settings"
sed -n '/^# /{ h; d; }; /^#[A-Z_]*=/{ G; s/^#\([A-Z_]*\)=\(.*\)\n# \(.*\)/\1 \3 [\2]/; s/ \[\]$//; p; }' \
    "$root/nginx/systemd/environment.in" | sort >"$work/example"
equals 'the settings' "$(cat "$work/settings")" "$(cat "$work/example")"
equals 'lines that say anything' '' "$(grep -v '^#\|^$' "$root/nginx/systemd/environment.in")"

finish
