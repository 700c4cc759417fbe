#!/bin/sh
# What the other tests rely on: signatures by published vectors, the API's answers, each recipient's
# behaviour, callbacks and their retries, lists, control. Usage: test_sandbox.sh TWILIO-SANDBOX
set -u
sandbox=${1:?path of twilio-sandbox}
dir=$(mktemp -d)
pid=
failures=0
sid=AC0123456789abcdef0123456789abcdef
token=secret-token
template=HX0123456789abcdef0123456789abcdef
service=MG0123456789abcdef0123456789abcdef

cleanup()
{
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT INT TERM

# same LABEL EXPECTED ACTUAL
same()
{
    [ "$2" = "$3" ] && return
    failures=$((failures + 1))
    printf 'FAILED %s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
}

# has LABEL TEXT PART
has()
{
    case $2 in
    *"$3"*) return ;;
    esac
    failures=$((failures + 1))
    printf 'FAILED %s\n  no: %s\n  in: %s\n' "$1" "$3" "$2"
}

start()
{
    : >"$dir/log"
    rm -f "$dir/port"
    TWILIO_ACCOUNT_SID=$sid TWILIO_AUTH_TOKEN=$token "$sandbox" --port-file "$dir/port" \
        --log "$dir/log" --callback-delay-ms 20 --slow-ms 300 "$@" &
    pid=$!
    for _ in $(seq 100); do
        [ -s "$dir/port" ] && break
        sleep 0.05
    done
    origin=$scheme://127.0.0.1:$(cat "$dir/port")
    messages=$origin/2010-04-01/Accounts/$sid/Messages
    sink=$origin/sandbox/sink
}

stop()
{
    kill "$pid"
    wait "$pid"
    same "exit status after SIGTERM" 0 $?
    pid=
}

ask()
{
    curl -sSk --max-time 5 -u "$sid:$token" -w '\n%{http_code}' "$@" 2>"$dir/curl"
}

# send TO NAME=VALUE...: status and error code of the answer, as "400 21211"; the answer in $answer.
send()
{
    to=$1
    shift
    case $to in
    whatsapp:*) from=whatsapp:+14155238886 ;;
    *) from=+15005550006 ;;
    esac
    for field; do
        shift
        set -- "$@" --data-urlencode "$field"
    done
    answer=$(ask "$messages.json" --data-urlencode "From=$from" --data-urlencode "To=$to" "$@")
    summarise
}

# post NAME=VALUE...: like send, nothing added.
post()
{
    for field; do
        shift
        set -- "$@" --data-urlencode "$field"
    done
    answer=$(ask "$messages.json" "$@")
    summarise
}

summarise()
{
    code=$(printf '%s' "$answer" | sed -n 's/.*"code":\([0-9]*\).*/\1/p')
    result=$(printf '%s' "$answer" | tail -n 1)${code:+ $code}
}

# field NAME: its value in $answer, strings without their quotes.
field()
{
    printf '%s' "$answer" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1
}

# wait_for N PATTERN: until so many lines of the log match.
wait_for()
{
    for _ in $(seq 100); do
        [ "$(grep -c "$2" "$dir/log")" -ge "$1" ] && return
        sleep 0.05
    done
    same "$1 lines of the log with $2" "$1" "$(grep -c "$2" "$dir/log")"
}

# told SID: the statuses that the sink received for a message, in order.
told()
{
    grep '"path":"/sandbox/sink"' "$dir/log" | grep "\"MessageSid\":\"$1\"" |
        sed 's/.*"MessageStatus":"\([^"]*\)".*/\1/' | tr '\n' ' '
}

sign()
{
    "$sandbox" --auth-token 12345 --sign "$@"
}

test_signatures()
{
    u='https://mycompany.com/myapp.php?foo=1&bar=2'
    set -- CallSid=CA1234567890ABCDE Caller=+14158675309 Digits=1234 From=+14158675309 \
        To=+18005551212
    same "vector: twilio-python" RSOYDt4T1cUTdK1PDd93/VVr8B8= "$(sign "$u" "$@")"
    same "vector: port 443" kvajT1Ptam85bY51eRf/AJRuM3w= \
        "$(sign 'https://mycompany.com:443/myapp.php?foo=1&bar=2' "$@")"
    same "vector: http, port 80" 0ZXoZLH/DfblKGATFgpif+LLRf4= \
        "$(sign 'http://mycompany.com:80/myapp.php?foo=1&bar=2' "$@")"
    same "vector: http, port 1234" Zmvh+3yNM1Phv2jhDCwEM3q5ebU= \
        "$(sign 'http://mycompany.com:1234/myapp.php?foo=1&bar=2' "$@")"
    same "vector: quote in the query" dsq4Ehbj6cs+KdTkpF5sSSplOWw= \
        "$(sign "$u&Body=It's+amazing" "$@")"
    same "user information and fragment are not signed" RSOYDt4T1cUTdK1PDd93/VVr8B8= \
        "$(sign 'https://user:pass@mycompany.com/myapp.php?foo=1&bar=2#rc=5&rp=all' "$@")"
    same "vector: repeated names, names in byte order" IK+Dwps556ElfBT0I3Rgjkr1wJU= \
        "$(sign "$u" Sid=CA123 SidAccount=AC123 Digits=5678 Digits=1234 Digits=1234)"
    same "vector: values sorted" 83O6e2vORAoJHUNzJjDWN1jz+BA= \
        "$(sign "$u" MessagingBinding.Address=+1415xxxxxxx MessagingBinding.Address=+1325xxxxxxx)"
    same "vector: JSON body" a9nBmqA0ju/hNViExpshrM61xv4= "$(sign \
        "$u&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620")"
    same "vector: worked example of the security page" L/OH5YylLD5NRKLltdqwSvS0BnU= \
        "$(sign 'https://example.com/myapp.php?foo=1&bar=2' CallSid=CA1234567890ABCDE \
            Caller=+14158675310 Digits=1234 From=+14158675310 To=+18005551212)"
}

test_credentials()
{
    answer=$(curl -s -w '\n%{http_code}' -d Body=hi "$messages.json"); summarise
    same "no credentials" "401 20003" "$result"
    answer=$(curl -s -w '\n%{http_code}' -u "$sid:wrong" -d Body=hi "$messages.json"); summarise
    same "wrong token" "401 20003" "$result"
    answer=$(curl -s -w '\n%{http_code}' -u SKkey:sksecret -d To=1 "$messages.json"); summarise
    same "API key" "400 21211" "$result"
    answer=$(ask -d Body=hi "$origin/2010-04-01/Accounts/ACother/Messages.json"); summarise
    same "another account" "404 20404" "$result"
    answer=$(ask -H 'Content-Type: application/json' -d '{}' "$messages.json"); summarise
    same "JSON instead of a form" "415 20001" "$result"
    answer=$(ask -X PUT -d Body=hi "$messages.json"); summarise
    same "another method" "405 20004" "$result"
    answer=$(ask -d 'Body=%zz' "$messages.json"); summarise
    same "broken percent encoding" "400 20001" "$result"
}

# refused EXPECTED NAME=VALUE...
refused()
{
    expected=$1
    shift
    post "$@"
    same "refused: $(printf '%.120s' "$*")" "$expected" "$result"
}

test_checks()
{
    f=From=+15005550006 wf=From=whatsapp:+14155238886
    t=To=+201012345678 wt=To=whatsapp:+201012345678
    long=$(printf 'x%.0s' $(seq 1601))
    refused "400 21604" $f Body=hi
    refused "400 21211" $f To=01012345678 Body=hi
    refused "400 21211" $f To=+2010123 Body=hi
    refused "400 21211" $f To=+201312345678 Body=hi
    refused "400 21614" $f To=+20223456789 Body=hi
    refused "400 21603" $t Body=hi
    refused "400 21606" From=+15005550007 $t Body=hi
    refused "400 21606" From=Unknown $t Body=hi
    refused "400 21212" From=+15005550001 $t Body=hi
    refused "400 21611" From=+15005550008 $t Body=hi
    refused "400 21705" MessagingServiceSid=MG1 $t Body=hi
    refused "400 21910" $f $wt Body=hi
    refused "400 21910" $wf $t Body=hi
    refused "400 63007" From=whatsapp:+15005550006 $wt Body=hi
    refused "400 21602" $f $t
    refused "400 21602" $f $t Body=
    refused "400 21617" $f $t "Body=$long"
    refused "400 21620" $f $t MediaUrl=ftp://example.com/a.png
    refused "400 63030" $wf $wt MediaUrl=https://example.com/a MediaUrl=https://example.com/b
    refused "400 21654" $wf $wt Body=hi 'ContentVariables={"1":"a"}'
    refused "400 21655" $wf $wt ContentSid=HX1
    refused "400 21656" $wf $wt ContentSid=$template 'ContentVariables=["a"]'
    refused "400 21656" $wf $wt ContentSid=$template 'ContentVariables={"1":""}'
    refused "400 21656" $wf $wt ContentSid=$template 'ContentVariables={"1":null}'
    for variables in '{"1":3}' '{"1":true}' '{"1":["a"]}' '{"1":"a\nb"}' '{"1":"a\tb"}' '{"1":"a     b"}' \
        '{"a b":"c"}' '{"":"c"}' '{"abcdefghijklmnopq":"c"}'; do
        refused "400 21656" $wf $wt ContentSid=$template "ContentVariables=$variables"
    done
    refused "400 20001" $wf $wt ContentSid=$template Body=hi
    refused "400 21609" $f $t Body=hi StatusCallback=http://my_host/x
    refused "400 21609" $f $t Body=hi StatusCallback=ftp://example.com/
    for seconds in 36001 0 -60 +60 60s ' 60'; do
        refused "400 21624" $f $t Body=hi "ValidityPeriod=$seconds"
    done
    refused "400 20001" $f $t Body=hi Unknown=1
    refused "400 20001" $f $t Body=hi Body=twice
    refused "400 20001" $f $t Body=hi SmartEncoded=maybe
    refused "400 20001" $f $t "Body=$(printf '\377')"
    for n in 1:21211 2:21612 3:21408 4:21610 9:21614; do
        refused "400 ${n#*:}" $f "To=+1500555000${n%:*}" Body=hi
    done
    set -- $f $t
    for n in $(seq 11); do
        set -- "$@" "MediaUrl=https://example.com/$n.png"
    done
    refused "400 21623" "$@"
}

test_answers()
{
    send +201012345678 Body=hi "StatusCallback=$sink"
    same "a message" "201" "$result"
    for part in '"status":"queued"' '"num_segments":"1"' '"num_media":"0"' '"price":null' \
        '"error_code":null' '"direction":"outbound-api"' '"date_sent":null' '+0000"' \
        "\"uri\":\"/2010-04-01/Accounts/$sid/Messages/SM"; do
        has "resource" "$answer" "$part"
    done
    send +201012345678 "Body=$(printf 'x%.0s' $(seq 161))"
    same "161 GSM characters" 2 "$(field num_segments)"
    send +201012345678 "Body=$(printf 'ع%.0s' $(seq 70))"
    same "70 Arabic characters" 1 "$(field num_segments)"
    send +201012345678 "Body=$(printf 'ع%.0s' $(seq 71))"
    same "71 Arabic characters" 2 "$(field num_segments)"
    send +201012345678 "Body=$(printf '€%.0s' $(seq 81))"
    same "81 characters of the extension table" 2 "$(field num_segments)"
    send +201012345678 Body=hi MediaUrl=https://example.com/a.png
    has "media" "$answer" '"sid":"MM'
    same "number of media" 1 "$(field num_media)"
    post To=+201012345678 MessagingServiceSid=$service Body=hi
    has "service" "$answer" '"status":"accepted"'
    has "service" "$answer" '"from":null'
    same "segments of a service's message" 0 "$(field num_segments)"
    send whatsapp:+20223456789 ContentSid=$template 'ContentVariables={"1":"Ahmed    A","مممممممممممممممم":"3\u0027"}'
    same "template to a landline's WhatsApp" 201 "$result"
    has "template" "$answer" "Template $template: Ahmed    A, 3'"
}

test_callbacks()
{
    send +201012345678 Body=hi "StatusCallback=$sink?id=a'b+c#rc=5&rp=all"
    m=$(field sid)
    wait_for 2 "\"path\":\"/sandbox/sink.*$m"
    same "SMS" "sent delivered " "$(told "$m")"
    line=$(grep "callback.*delivered.*$m" "$dir/log")
    has "SMS" "$line" '"RawDlrDoneDate":"'
    set -- MessageSid="$m" SmsSid="$m" MessageStatus=sent SmsStatus=sent To=+201012345678 \
        From=+15005550006 ApiVersion=2010-04-01 AccountSid=$sid
    line=$(grep "callback.*MessageStatus\":\"sent.*$m" "$dir/log")
    has "signature of a callback" "$line" \
        "\"signature\":\"$("$sandbox" --auth-token $token --sign "$sink?id=a'b+c" "$@")\""

    send whatsapp:+201012345678 Body=hi "StatusCallback=$sink"
    m=$(field sid)
    wait_for 3 "\"path\":\"/sandbox/sink.*$m"
    same "WhatsApp" "sent delivered read " "$(told "$m")"
    has "WhatsApp" "$(grep "callback.*read.*$m" "$dir/log")" '"EventType":"READ"'
    post To=+201012345678 MessagingServiceSid=$service Body=hi "StatusCallback=$sink"
    m=$(field sid)
    wait_for 3 "\"path\":\"/sandbox/sink.*$m"
    same "Messaging Service" "queued sent delivered " "$(told "$m")"

    send +201012345678 Body=hi "StatusCallback=$sink?status=503"
    wait_for 2 "callback.*$(field sid).*\"status\":503"
    send +201012345903 Body=hi "StatusCallback=$sink?status=503#rc=2&rp=5xx"
    m=$(field sid)
    wait_for 3 "callback.*$m"
    has "retries" "$(grep "callback.*$m" "$dir/log" | tail -n 1)" '"attempt":3'
    send +201012345903 Body=hi "StatusCallback=http://127.0.0.1:1/"
    wait_for 2 "callback.*$(field sid).*\"outcome\":\"connect\""
    send +201012345903 Body=hi "StatusCallback=$sink?delay_ms=1000#rt=100&rc=1&rp=rt"
    wait_for 2 "callback.*$(field sid).*\"outcome\":\"read\""
}

# life NUMBER EXPECTED STATUSES [STATUS-OF-RESOURCE]
life()
{
    send "+201012345$1" Body=hi "StatusCallback=$sink"
    same "$1: answer" "$2" "$result"
    sleep 0.3
    m=$(grep '"type":"request"' "$dir/log" | grep "To\":\"+201012345$1" |
        sed -n 's/.*"sid":"\([^"]*\)".*/\1/p' | tail -n 1)
    same "$1: callbacks" "$3" "$(told "${m:-none}")"
    [ -z "${4:-}" ] || has "$1: resource" "$(ask "$messages/$m.json")" "\"status\":\"$4\""
}

test_recipients()
{
    life 900 201 "sent delivered " delivered
    life 901 201 "sent undelivered " undelivered
    life 902 201 "failed " failed
    life 903 201 "sent " sent
    life 910 201 "sent delivered "
    life 911 "429 20429" ""
    life 912 "429 20429" ""
    life 912 201 "sent delivered "
    life 913 "500 20500" ""
    life 914 "500 20500" "sent delivered " delivered
    life 915 200 "sent delivered "
    life 916 000 ""
    has "916" "$(cat "$dir/curl")" "Empty reply"
    life 917 000 "sent delivered "
    life 918 201 "sent delivered "
    has "918" "$(cat "$dir/curl")" "bytes remaining"
    life 919 000 "sent delivered "
    has "919" "$(cat "$dir/curl")" "timed out"
    life 920 201 "sent delivered "
    same "920" "" "$(field sid)"
    life 921 "401 20003" ""
    life 922 "403 20403" ""
    life 924 201 "delivered sent " delivered
    life 925 201 "sent sent sent delivered delivered delivered "
    life 926 201 "" delivered
    life 928 "400 21610" ""
    life 929 400 ""
    life 930 "503 20503" ""
    life 931 302 ""
    life 933 201 "sent teleported delivered " delivered
    has "933" "$(grep 'callback.*teleported' "$dir/log")" '"RepeatedParameter":["two","one","two"]'

    life 934 201 "" failed
    for digits in 940 941 942 943 944 945 946 947 948 949; do
        life $digits 201 "sent delivered "
    done

    send +201012345923 Body=hi "StatusCallback=$sink"
    same "923: callbacks before the answer" "sent delivered " "$(told "$(field sid)")"
    send +201012345932 Body=hi
    [ "${#answer}" -gt 10485760 ] || same "932: size" "more than 10485760" "${#answer}"
    send +201012345927 Body=hi "StatusCallback=$sink"
    sleep 0.3
    same "927: nothing yet" "" "$(told "$(field sid)")"
    wait_for 2 "\"path\":\"/sandbox/sink.*$(field sid)"
}

test_lists()
{
    ask -X POST "$origin/sandbox/reset" >/dev/null
    for n in 1 2 3 4 5; do
        send +20101234567$n "Body=number $n"
    done
    page="$messages.json?PageSize=2"
    seen=
    while [ -n "$page" ]; do
        answer=$(ask "$page")
        seen="$seen$(printf '%s' "$answer" | grep -o 'number [0-9]' | tr '\n' ' ')"
        next=$(printf '%s' "$answer" | sed -n 's/.*"next_page_uri":"\([^"]*\)".*/\1/p')
        page=${next:+$origin$next}
    done
    same "pages" "number 5 number 4 number 3 number 2 number 1 " "$seen"
    previous=$(printf '%s' "$answer" | sed -n 's/.*"previous_page_uri":"\([^"]*\)".*/\1/p')
    same "previous page" "number 3 number 2 " \
        "$(ask "$origin$previous" | grep -o 'number [0-9]' | tr '\n' ' ')"
    same "list by recipient" "number 3 " \
        "$(ask -G --data-urlencode To=+201012345673 "$messages.json" | grep -o 'number [0-9]' |
            tr '\n' ' ')"
    today=$(date -u +%Y-%m-%d)
    same "list by day" 5 \
        "$(ask "$messages.json?DateSent=$today" | grep -o 'number [0-9]' | wc -l)"
    same "list until yesterday" 0 \
        "$(ask -g "$messages.json?DateSent<=2020-01-01" | grep -c 'number [0-9]')"
    same "list from a time on" 5 \
        "$(ask -G --data-urlencode 'DateSent>=2020-01-01T00:00:00Z' "$messages.json" |
            grep -o 'number [0-9]' | wc -l)"
    answer=$(ask "$messages.json?DateSent=yesterday"); summarise
    same "list by no date" "400 20001" "$result"
    answer=$(ask "$messages/SM00000000000000000000000000000000.json"); summarise
    same "no such message" "404 20404" "$result"
}

test_control()
{
    configure=$origin/sandbox/config
    same "options change" 200 "$(ask -d get-429=100 "$configure" | tail -n 1)"
    answer=$(ask "$messages.json"); summarise
    same "get-429" "429 20429" "$result"
    ask -d get-429=0 -d 'fail=100:busy' "$configure" >/dev/null
    send +201012345678 Body=hi
    same "fail at random" "429 20429" "$result"
    same "an option that is fixed" 400 "$(ask -d seed=2 -d delay-ms=9 "$configure" | tail -n 1)"
    ask -X POST "$origin/sandbox/reset" >/dev/null
    ask -d together=2 "$configure" >/dev/null
    ask --data-urlencode To=+201012345678 --data-urlencode From=+15005550006 -d Body=first \
        "$messages.json" >"$dir/first" &
    first=$!
    wait_for 1 '"Body":"first"'
    same "together: the first waits" "" "$(cat "$dir/first")"
    send +201012345678 Body=second
    same "together: until there is a second" 201 "$result"
    wait "$first"
    has "together: both are answered" "$(cat "$dir/first")" '"body":"first"'
    ask -X POST "$origin/sandbox/reset" >/dev/null
    send +201012345678 Body=hi "StatusCallback=$sink"
    same "reset: options as started" 201 "$result"
    wait_for 2 "\"path\":\"/sandbox/sink.*$(field sid)"
    has "counts" "$(ask "$origin/sandbox/requests?since=0")" '"callbacks":2'
    same "messages taken" 1 "$(ask "$origin/sandbox/messages" | grep -c '"sid"')"
    ask -d callback-drop=100 "$configure" >/dev/null
    send +201012345678 Body=hi "StatusCallback=$sink"
    wait_for 2 "$(field sid).*\"outcome\":\"dropped\""
    ask -d callback-drop=0 -d callback-order=shuffled -d callback-repeat=2 "$configure" >/dev/null
    send whatsapp:+201012345678 Body=hi "StatusCallback=$sink"
    wait_for 6 "\"path\":\"/sandbox/sink.*$(field sid)"
}

test_tls()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
        -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout "$dir/key.pem" \
        -out "$dir/cert.pem" 2>/dev/null
    scheme=https
    start --tls-cert "$dir/cert.pem" --tls-key "$dir/key.pem" --callback-ca "$dir/cert.pem"
    send +201012345678 Body=hi "StatusCallback=$sink"
    same "https" 201 "$result"
    wait_for 2 "\"path\":\"/sandbox/sink.*$(field sid)"
    send +201012345903 Body=hi "StatusCallback=$(printf '%s' "$sink" | sed s/127.0.0.1/localhost/)"
    wait_for 2 "callback.*$(field sid).*\"outcome\":\"connect\""
    life 916 000 ""
    life 918 201 "sent delivered "
    stop
}

scheme=http
test_signatures
start --api-key SKkey --api-key-secret sksecret --messaging-service $service
test_credentials
test_checks
test_answers
test_callbacks
test_recipients
test_lists
test_control
stop
test_tls
[ "$failures" -eq 0 ] && echo "all passed"
exit $((failures > 0))
