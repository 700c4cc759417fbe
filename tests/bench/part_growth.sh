# Does a figure depend on how much is stored? POSIX sh, sourced by run.sh.
#
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh's and its files' variables

part_growth()
{
    start_webhooks direct
    fastcgi send-direct direct plain "$processes" send-twilio-message
    round=0
    while [ "$round" -lt "$rounds" ]; do
        round=$((round + 1))
        for many in "$grown" 10000; do
            fill "$many"
            label=ours
            [ "$many" != 10000 ] || label='10,000 rows'
            line='webhook, FastCGI, 1,000,000 rows'
            measured load webhook webhook-direct/twilio-delivery-status --connections 16
            line='send, FastCGI, 1,000,000 rows'
            measured load sms send-direct/send-twilio-message --connections 64
        done
    done
    stop_webhooks direct
    stop send-direct
}
