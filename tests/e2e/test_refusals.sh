#!/bin/sh
# The example of a whole server, with TLS and behind a balancer, and what a web server answers by itself.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
json='Content-Type: application/json'
sms='{"to":"01012345678","message":"hello"}'
form_type='Content-Type: application/x-www-form-urlencoded'
outside='X-Forwarded-For: 192.0.2.7'

make_certificate()
{
    mkdir "$work/tls"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$work/tls/key.pem" -out "$work/tls/cert.pem" \
        2>"$work/tls/log"
    chmod 644 "$work/tls/key.pem"
    export CURL_CA_BUNDLE="$work/tls/cert.pem"
}

# The example as it is, but for its ports, files and way, and with the lines for a balancer.
example()
{
    sed "s|/etc/ssl/certs/example.org.pem|$work/tls/cert.pem|
        s|/etc/ssl/private/example.org.key|$work/tls/key.pem|
        s|/var/log/nginx/twilio-cgi.log|log/access.log|
        s|10.1.0.0/16|127.0.0.1|
        s/\(listen\|Listen\|VirtualHost\) 127.0.0.1:8079/\1 127.0.0.1:$inside/
        s|listen 80;|listen 127.0.0.1:$port;|; s|listen 443 |listen 127.0.0.1:$tls |; /listen \[/d
        s/# \(set_real_ip_from\|real_ip_\|RemoteIP\)/\1/
        s|VirtualHost \*:80>|VirtualHost *:$port>|; s|VirtualHost \*:443>|VirtualHost *:$tls>|
        s|Include twilio-cgi/|Include |
        s|# DocumentRoot /var/www/app|$application|
        s/\(twilio-cgi-\|Include \)fastcgi.conf/\1$way.conf/" "$1"
}

# An application that answers all paths with its one page.
application=$(printf '%s\\n' "DocumentRoot $work/app" "<Directory $work/app>" 'RewriteEngine On' \
    'RewriteCond %{REQUEST_FILENAME} !-f' 'RewriteRule . /index.html' 'Require all granted' \
    '</Directory>')
mkdir "$work/app"
echo 'the application' >"$work/app/index.html"

example_start()
{
    tls=$(free_port $((port + 1)))
    inside=$(free_port $((tls + 1)))
    way=${transport#*-}
    case $transport in
    nginx-*)
        nginx_stop
        sed -i 's/rate=20r/rate=1r/' "$web/nginx/twilio-cgi-http.conf" # however slow this machine is
        example "$root/nginx/example.conf" >"$web/nginx/example.conf"
        sed '/^    include/,/^}/d' "$web/nginx/nginx.conf" >"$web/nginx/head"
        { cat "$web/nginx/head"; echo 'include example.conf; }'; } >"$web/nginx/nginx.conf"
        it 'nginx finds no fault with the example'
        ( cd "$web" && as_user nginx -t -p "$web/" -e log/nginx.log -c "$web/nginx/nginx.conf" ) \
            >"$work/tested" 2>&1
        equals 'exit status' 0 $?
        equals 'what it says' '' "$(grep -v -e 'syntax is ok' -e 'test is successful' "$work/tested")"
        nginx_run
        ;;
    apache-*)
        apache_stop
        { printf 'Listen 127.0.0.1:%s\n' "$port" "$tls" && example "$root/nginx/apache/example.conf"; } |
            apache_run ssl remoteip
        it 'Apache finds no fault with the example'
        ( cd "$web" && as_user apache2 -t -f "$web/apache/apache.conf" ) >"$work/tested" 2>&1
        equals 'exit status' 0 $?
        equals 'what it says' 'Syntax OK' "$(grep -v AH01506 "$work/tested")"
        ;;
    esac
}

# refused STATUS CODE: also by its header it could be a program's.
refused()
{
    answers "$1" "$2"
    header Access-Control-Allow-Origin '*'
    header Access-Control-Expose-Headers 'X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Idempotent-Replayed, WWW-Authenticate'
}

make_certificate
example_start
http=$base
https=https://127.0.0.1:$tls/functions/v1

it 'http becomes https'
base=http://127.0.0.1:$port
request GET 'some/page?a=b' ''
equals status 301 "$status"
case $(header_value Location) in
https://*/some/page?a=b) ;;
*) complain 'header Location' 'https://…/some/page?a=b' "$(header_value Location)" ;;
esac

it 'but never for Twilio'
base=$http
post twilio-delivery-status 'MessageSid=SM1&MessageStatus=sent' "$form_type"
answers 403 invalid_signature

for program in send-twilio-message send-whatsapp; do
    it "and $program is refused in clear text"
    post $program "$sms" "$json"
    refused 403 forbidden
done

base=$https
it 'https: no message from anybody, as no token is asked for'
for from in "$outside" 'X-Forwarded-For: 127.0.0.1' 'X-Other: a'; do
    post send-twilio-message "$sms" "$from"
    refused 403 forbidden
done
twilio_got_nothing

it 'the internal listener: a message from this host'
base=http://127.0.0.1:$inside/functions/v1
post send-twilio-message "$sms"
answers 200

it 'none from outside, and nothing else'
post send-twilio-message "$sms" "$outside"
refused 403 forbidden
for path in send-whatsapp twilio-delivery-status other; do
    post $path "$sms" "$json"
    refused 404 not_found
done
base=$https

it 'https: the front end comes from outside'
post send-whatsapp "$sms" "$outside" "$json" "$(bearer $user)"
answers 200

it 'the id of a request that is refused is its own'
printf '%70000s' '' >"$work/large"
post send-whatsapp @"$work/large" 'X-Request-Id: order-7/step.2'
refused 413 body_too_large
header X-Request-Id order-7/step.2

it 'or another, where it could do harm'
post send-whatsapp @"$work/large" 'X-Request-Id: a"b;<script>'
refused 413 body_too_large
case $(header_value X-Request-Id) in
*[!A-Za-z0-9._:+/=-]*) complain 'header X-Request-Id' 'a sane one' "$(header_value X-Request-Id)" ;;
esac

if over nginx-fastcgi; then
    it 'what is no request at all is refused in the same form'
    request GET "$(printf '%018000d' 0)" ''
    refused 400 invalid_json
fi

# raw PORT LINE...: what is said to a request that curl would not make
raw()
{
    raw_port=$1
    shift
    { printf '%s\r\n' "$@" 'Host: localhost' 'Connection: close' '' && sleep 1; } |
        curl -q -s -m 20 "telnet://127.0.0.1:$raw_port" >"$work/raw" 2>/dev/null
    tr -d '\r' <"$work/raw" | grep -qi '^content-type: application/json; charset=utf-8$' ||
        complain 'its type' application/json "$(head -c 300 "$work/raw")"
    grep -q '^{"success":false,"error":"Bad request","code":"invalid_json"}' "$work/raw" ||
        complain 'the answer' invalid_json "$(head -c 600 "$work/raw")"
}
post='POST /functions/v1/twilio-delivery-status'

it 'so is what no web server takes'
answer=
raw "$port" "$post HTTP/1.1" 'Content-Length: none'
case $transport in
nginx-*)
    raw "$port" "$post HTTP/9.9"
    raw "$port" "$post HTTP/1.1" 'Transfer-Encoding: gzip'
    raw "$tls" "$post HTTP/1.1" 'Content-Length: 0'
    ;;
apache-*)
    raw "$port" "$post HTTP/1.1" 'Transfer-Encoding: gzip'
    raw "$port" "$post HTTP/1.1" 'Expect: more' 'Content-Length: 0'
    ;;
esac

the_status="select status from message_logs where recipient = '+201012345919'"
is_pending() { [ "$(sql -c "$the_status")" = pending ]; }

base=http://127.0.0.1:$inside/functions/v1
it 'a sender that dies in the middle may have sent'
send dying POST send-twilio-message '{"to":"01012345919","message":"hello"}'
await is_pending
# shellcheck disable=SC2046 # a list
kill -KILL $(processes send-twilio-message)
take dying
case $transport in
# The answer is fcgiwrap's, and passes as a program's.
nginx-fcgiwrap) equals status 502 "$status" ;;
*) refused 504 outcome_unknown ;;
esac
holds "$the_status" pending
base=$https

programs_gone()
{
    case $transport in
    *-fastcgi) fastcgi_stop && rm -f "$web"/run/*.socket ;;
    nginx-fcgiwrap) fcgiwrap_stop && rm -f "$web"/run/*.socket ;;
    apache-cgi) rm "$work"/cgi-bin/* ;;
    esac
}

programs_gone
for program in send-twilio-message send-whatsapp; do
    it "$program is not there"
    post $program "$sms" "$json"
    case $transport in
    # Apache does not tell it from one that died.
    apache-fastcgi) refused 504 outcome_unknown ;;
    *) refused 502 twilio_unavailable ;;
    esac
done
it 'twilio-delivery-status is not there'
post twilio-delivery-status 'MessageSid=SM1&MessageStatus=sent' "$form_type"
refused 500 internal

# many PROGRAM [HEADER]: the statuses of 300 requests, twenty at a time.
many()
{
    curl -q -s -Z --parallel-max 20 -d x ${2:+-H "$2"} -o /dev/null -w '%{http_code}\n' \
        "$base/$1?[1-300]" 2>/dev/null | sort -u | tr '\n' ' '
}

case $transport in
nginx-*)
    it 'of very many from one address some are refused'
    answer=
    equals 'statuses' '429 502 ' "$(many send-whatsapp "$outside")"
    until post send-whatsapp "$sms" "$outside" && [ "$status" = 429 ]; do
        many send-whatsapp "$outside" >"$work/statuses"
    done
    refused 429 rate_limited
    header Retry-After 1

    it 'another address, and our own, are not concerned'
    post send-whatsapp "$sms" 'X-Forwarded-For: 192.0.2.8'
    answers 502
    equals 'statuses' '502 ' "$(many send-whatsapp)"

    it 'a preflight never is'
    request OPTIONS send-whatsapp '' "$outside"
    equals status 502 "$status"

    it 'nor is Twilio'
    answer=
    equals 'statuses' '500 ' "$(many twilio-delivery-status "$outside")"
    ;;
esac

finish
