# Messages; POSIX sh, sourced by run.sh.
#
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh's and its files' variables

floor_send_cgi='minimal, libpq and libcurl'
floor_send_lean='minimal, lean'
floor_send_fcgi='minimal FastCGI, libpq and libcurl'
node_send='Node, plain send'

# sends_cgi SOCKET OPTION...
sends_cgi()
{
    socket=$1
    shift
    pair sms "$socket/send-twilio-message" "$@"
    program "$floor_send_cgi" sms "$socket/bench_send_cgi" "$@"
    program "$floor_send_lean" sms "$socket/bench_send_cgi_lean" "$@"
}

start_senders_cgi()
{
    both cgi cgi-direct direct plain
    both cgi cgi-bouncer bouncer plain
    both cgi cgi-tls direct tls
}

part_send_cgi()
{
    start_senders_cgi
    line 'send, CGI, 8 callers'
    sends_cgi cgi-direct
    line 'send, CGI, pgbouncer, 8 callers'
    sends_cgi cgi-bouncer
    line 'send, CGI, TLS, 8 callers'
    sends_cgi cgi-tls
    in_rounds 10000
    stop cgi-direct cgi-bouncer cgi-tls
}

# start_senders WAY TWILIO: ours as the package starts them, before's likewise; the floor has a thread for
# each of 256 callers.
start_senders()
{
    both fastcgi "send-$1" "$1" "$2" "$processes" send-twilio-message
    threads=128 pool=8
    fastcgi "floor-$1" "$1" "$2" 2 bench_send_fcgi
    threads='' pool=''
}

stop_senders() { stop "send-$1" "floor-$1"; }

# sends_fastcgi WAY OPTION...
sends_fastcgi()
{
    way=$1
    shift
    pair sms "send-$way/send-twilio-message" "$@"
    program "$floor_send_fcgi" sms "floor-$way/bench_send_fcgi" "$@"
}

part_send_fastcgi()
{
    start_senders direct plain
    start_senders tls tls
    node_service node-send send.js
    line 'send, FastCGI, 256 callers'
    sends_fastcgi direct --connections 256
    program "$node_send" sms node-send/send-twilio-message --connections 256
    line 'send, FastCGI, 100 ms, 256 callers'
    sends_fastcgi direct delay=100 --connections 256
    program "$node_send" sms node-send/send-twilio-message delay=100 --connections 256
    line 'send, FastCGI, TLS, 100 ms, 256 callers'
    sends_fastcgi tls delay=100 --connections 256
    in_rounds 10000
    stop_senders direct
    stop_senders tls
    stop node-send
}

# More of it: what the other lines say as well, at other rates and by other ways.
part_delays()
{
    start_senders_cgi
    start_senders direct plain
    start_senders bouncer plain
    line 'webhook, CGI, 100 a second'
    webhooks_cgi cgi-direct --connections 64 --rate 100
    line 'send, CGI, 100 ms, 32 callers'
    sends_cgi cgi-direct delay=100 --connections 32
    line 'send, CGI, TLS, 100 ms, 32 callers'
    sends_cgi cgi-tls delay=100 --connections 32
    line 'send, FastCGI, pgbouncer, 256 callers'
    sends_fastcgi bouncer --connections 256
    line 'send, FastCGI, 500 a second'
    sends_fastcgi direct --connections 64 --rate 500
    in_rounds 10000
    stop_senders direct
    stop_senders bouncer
    stop cgi-direct cgi-bouncer cgi-tls
}

part_send_whatsapp()
{
    cgi cgi-direct direct plain
    fastcgi sms direct plain "$processes" send-twilio-message
    fastcgi whatsapp direct plain "$processes" send-whatsapp
    line 'send-whatsapp, FastCGI, 64 callers'
    program ours whatsapp whatsapp/send-whatsapp --connections 64
    program 'send-twilio-message, SMS' sms sms/send-twilio-message --connections 64
    line 'send-whatsapp, CGI, 8 callers'
    program ours whatsapp cgi-direct/send-whatsapp
    program 'send-twilio-message, SMS' sms cgi-direct/send-twilio-message
    in_rounds 10000
    stop cgi-direct sms whatsapp
}
