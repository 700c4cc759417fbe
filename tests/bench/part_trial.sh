# Does all of it work? One of each kind, by number and not by time; POSIX sh, sourced by run.sh.
#
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh's and its files' variables

part_trial()
{
    both cgi cgi-bouncer bouncer plain
    both fastcgi webhook-direct direct plain "$processes" twilio-delivery-status
    both cgi cgi-tls direct tls
    fastcgi floor-direct direct plain 2 bench_webhook_fcgi
    fastcgi limit-direct direct plain 2 bench_limit_fcgi
    threads=4 pool=2
    fastcgi send-floor direct plain 1 bench_send_fcgi
    threads='' pool=''
    fastcgi whatsapp direct plain "$processes" send-whatsapp
    node_service node-webhook webhook.js
    node_service node-statements webhook.js RECORD=statements PGOPTIONS='-c session_replication_role=replica'
    node_service node-send send.js
    line 'webhook, CGI, pgbouncer, 8 callers'
    webhooks_cgi cgi-bouncer --most 10
    line 'webhook, FastCGI, 16 callers'
    webhooks_fastcgi direct --connections 16 --most 100
    program "$node_webhook" webhook node-webhook/twilio-delivery-status --connections 16 --most 100
    program "$node_statements" webhook node-statements/twilio-delivery-status --connections 16 --most 100
    program "$limit_webhook" webhook limit-direct/bench_limit_fcgi stores=0 --connections 16 --most 100
    statement 'pgbench -M prepared' callback direct 2 -M prepared -R 500 # there are 2,500 callbacks to be had
    line 'send, CGI, TLS, 8 callers'
    sends_cgi cgi-tls --most 10
    line 'send, FastCGI, 100 ms, 256 callers'
    program "$floor_send_fcgi" sms send-floor/bench_send_fcgi delay=5 --most 20
    program ours whatsapp whatsapp/send-whatsapp delay=5 --rate 100 --most 20
    program "$node_send" sms node-send/send-twilio-message delay=5 --most 20
    line 'send, its SQL alone, 4 clients'
    statement ours send direct 1 -M prepared
    in_rounds 500
    fill 500
    line='memory, FastCGI, webhook'
    served webhook webhook-direct/twilio-delivery-status 500 500
    stop cgi-bouncer cgi-tls webhook-direct floor-direct limit-direct send-floor whatsapp
    stop node-webhook node-statements node-send
}
