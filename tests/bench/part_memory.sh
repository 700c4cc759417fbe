# Memory: of one CGI request at its peak, and of a FastCGI process after many; POSIX sh, sourced by run.sh.
#
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh's and its files' variables

part_memory()
{
    round=1
    fill $(((flat_first + flat_then) / 4)) # each has five callbacks
    start_webhooks direct
    fastcgi send-direct direct plain "$processes" send-twilio-message
    line='memory, FastCGI, webhook'
    served webhook webhook-direct/twilio-delivery-status "$flat_first" "$flat_then"
    line='memory, FastCGI, send'
    served sms send-direct/send-twilio-message "$flat_first" "$flat_then"
    stop_webhooks direct
    stop send-direct
}

# served KIND TARGET FIRST THEN: so many requests, then so many more
served()
{
    duration=600 stores=1
    label=first
    load "$1" "$2" --connections 16 --most "$3"
    label='then'
    load "$1" "$2" --connections 16 --most "$4"
}

# One plain CGI request under callgrind, and at its peak.
part_instructions()
{
    round=1
    sh "$here/instructions.sh" "$build" ${other:+"$other"} >"$work/instructions" ||
        fail "instructions.sh: $(cat "$work/instructions")"
    sed -E 's/^(.*[^ ]) +([0-9.]+) M +([0-9.]+) MiB .*/\1|\2|\3/' "$work/instructions" >"$work/costs"
    while IFS='|' read -r what millions peak; do
        line="instructions, ${what%, *}" label=${what##*, }
        keep_figures "instructions=$millions peak=$peak"
    done <"$work/costs"
    for name in twilio-delivery-status send-twilio-message send-whatsapp; do
        line="program, $name"
        label=ours
        built "$work/bin/$name"
        label=before
        [ -z "$other" ] || built "$work/bin/before-$name"
    done
}

# built FILE: how much of it is loaded, without debugging information, and what with it
built()
{
    keep_figures "size=$(size "$1" | awk 'NR == 2 { print $1 + $2 }')" \
        "libraries=$(ldd "$1" | grep -c '=>')"
}
