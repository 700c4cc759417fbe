#!/bin/sh
# --fetch-keys: a set is published by a web server, by http and https, and tokens are verified with it;
# what is no good set changes nothing.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin

published=$work/published file=$work/fetched/jwks.json
http_port=$(free_port $((port + 1)))
https_port=$(free_port $((http_port + 1)))
http=http://127.0.0.1:$http_port https=https://127.0.0.1:$https_port
make_directory "$published" "$published/log" "$work/fetched"

# certificate NAME SUBJECT-ALTERNATIVE: NAME.pem, which is its own authority
certificate()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=keys \
        -addext "subjectAltName=$2" -keyout "$published/$1.key" -out "$published/$1.pem" 2>/dev/null
    chmod 644 "$published/$1.key" "$published/$1.pem"
    cp "$published/$1.pem" "$work/$1.pem"
}

# It goes with the test: nothing of it is anybody's but the published directory.
publish()
{
    certificate here IP:127.0.0.1
    cat >"$published/nginx.conf" <<TEXT
daemon off;
error_log log/error.log;
pid log/pid;
events {}
http {
    access_log off;
    default_type application/json;
    client_body_temp_path log/body; proxy_temp_path log/proxy; fastcgi_temp_path log/fastcgi;
    uwsgi_temp_path log/uwsgi; scgi_temp_path log/scgi;
    server {
        listen 127.0.0.1:$http_port;
        listen 127.0.0.1:$https_port ssl;
        ssl_certificate here.pem;
        ssl_certificate_key here.key;
        root $published;
        location = /moved { return 302 /jwks.json; }
        location = /teapot { return 418 '{}'; }
    }
}
TEXT
    as_user nginx -p "$published/" -e log/error.log -c "$published/nginx.conf" \
        </dev/null >/dev/null 2>&1 &
    publisher=$!
    await curl -q -s -o /dev/null "$http/"
}

unpublish() { kill "$(cat "$published/log/pid")" && wait "$publisher"; }

trap 'unpublish; end; exit 1' HUP INT PIPE TERM
trap 'unpublish; end' EXIT

# half FILE AT: an INTEGER of an ECDSA signature (DER), as 32 bytes; sets $after, where it ends
half()
{
    long=$(od -An -tu1 -j $(($2 + 1)) -N 1 "$1")
    after=$(($2 + 2 + long))
    [ "$long" -ge 32 ] || head -c $((32 - long)) /dev/zero
    tail -c +$(($2 + 3)) "$1" | head -c "$long" | tail -c 32
}

make_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.key" 2>/dev/null; }

coordinate() { openssl pkey -in "$work/$1.key" -pubout -outform DER | tail -c "$2" | head -c 32 | base64url; }

# jwk NAME [MEMBERS]: the public key of that name
jwk()
{
    printf '{"kty":"EC","crv":"P-256","alg":"ES256","kid":"%s","x":"%s","y":"%s"%s}' "$1" \
        "$(coordinate "$1" 64)" "$(coordinate "$1" 32)" "${2:-}"
}

# es256 NAME: a user's token that this key has signed
es256()
{
    signed=$(printf '{"alg":"ES256","kid":"%s"}' "$1" | base64url).$(user_claims $user | base64url)
    printf %s "$signed" | openssl dgst -sha256 -sign "$work/$1.key" >"$work/signature"
    { half "$work/signature" 2; half "$work/signature" "$after"; } >"$work/raw"
    printf '%s.%s' "$signed" "$(base64url <"$work/raw")"
}

# A reader sees one set or the other: written beside, then renamed.
serve() { printf %s "$1" >"$published/new" && chmod 644 "$published/new" && mv "$published/new" "$published/jwks.json"; }

# fetch [NAME=VALUE...]: sets $status, $said
fetch()
{
    answer=$work/said.${fetcher:-alone}
    as_user env -i PATH=/usr/bin:/bin JWT_JWKS_URL="$http/jwks.json" JWT_JWKS_FILE="$file" \
        TWILIO_CA_FILE="$work/here.pem" "$@" "$work/cgi-bin/send-whatsapp" --fetch-keys \
        </dev/null >"$answer" 2>&1
    status=$?
    said=$(cat "$answer")
}

says()
{
    equals 'exit status' "$1" "$status"
    equals 'sentences' 1 "$(printf '%s\n' "$said" | wc -l | tr -d ' ')"
    case $said in
    *"$2"*) ;;
    *) complain 'what it says' "$2" "$said" ;;
    esac
}

# accepts NAME STATUS: what a token signed with that key gets
accepts()
{
    post send-whatsapp '{"to":"01012345678","message":"x"}' "Authorization: Bearer $(es256 "$1")"
    equals "the status with a token of '$1'" "$2" "$status"
}

# stays NAME: no good set, nothing changed
stays() { equals 'the file' "$kept" "$(cat "$file" 2>&1)"; }

publish
for key in one two; do make_key $key; done
settings JWT_JWKS_FILE="$file" SUPABASE_JWT_SECRET= RATE_LIMIT_PER_MINUTE=1000

it 'without a file yet, --check names the way to one'
answer=$work/output
env -i sh -c "$settings_then" "$settings_file" env JWT_JWKS_URL="$http/jwks.json" \
    "$work/cgi-bin/send-whatsapp" --check >"$work/output" 2>&1
equals 'exit status' 1 $?
grep -q '^key set .*(send-whatsapp --fetch-keys fetches it)$' "$work/output" ||
    complain 'the key set' 'how it is fetched' "$(cat "$work/output")"

it 'a first set, and tokens are verified with it'
serve "{\"keys\":[$(jwk one)]}"
fetch
says 0 "key set written: 1 usable key in '$file'"
equals 'the file' "$(cat "$published/jwks.json")" "$(cat "$file")"
equals 'its mode' 644 "$(stat -c %a "$file")"
accepts one 200
accepts two 401

it 'a further key'
serve "{\"keys\":[$(jwk one),$(jwk two)]}"
fetch
says 0 'key set written: 2 usable keys'
accepts one 200
accepts two 200

it 'the same set is not written again'
before=$(stat -c '%i %y' "$file")
fetch
says 0 'key set unchanged: 2 usable keys'
equals 'inode and time' "$before" "$(stat -c '%i %y' "$file")"

it 'a key that is withdrawn verifies no more'
serve "{\"keys\":[$(jwk two)]}"
fetch
says 0 'key set written: 1 usable key'
accepts one 401
accepts two 200

it 'by https, its certificate verified'
serve "{\"keys\":[$(jwk one)]}"
fetch JWT_JWKS_URL="$https/jwks.json"
says 0 'key set written: 1 usable key'

kept=$(cat "$file")

it 'by https with a certificate of nobody that is trusted'
fetch JWT_JWKS_URL="$https/jwks.json" TWILIO_CA_FILE=/etc/ssl/certs/ca-certificates.crt
says 1 "no answer from '127.0.0.1:$https_port': "
stays
it 'by https with a certificate for another name'
fetch JWT_JWKS_URL="https://localhost:$https_port/jwks.json"
says 1 "no answer from 'localhost:$https_port': "
stays
it 'by https where http is spoken'
fetch JWT_JWKS_URL="https://127.0.0.1:$http_port/jwks.json"
says 1 'no answer from '
stays
it 'by http from elsewhere'
fetch JWT_JWKS_URL=http://192.0.2.1/jwks.json
says 1 "setting 'JWT_JWKS_URL' invalid: must be https (http only for loopback)"
stays
it 'from where nobody listens'
fetch JWT_JWKS_URL="http://127.0.0.1:$(free_port $((https_port + 1)))/jwks.json"
says 1 'no answer from '
stays
it 'without an address'
fetch JWT_JWKS_URL=
says 1 "setting 'JWT_JWKS_URL' missing: is required"
stays
it 'a redirect'
fetch JWT_JWKS_URL="$http/moved"
says 1 'answered 302, and redirects are not followed'
stays
it 'a place where there is none'
fetch JWT_JWKS_URL="$http/nowhere"
says 1 'answered 404'
stays
it 'an error with a body'
fetch JWT_JWKS_URL="$http/teapot"
says 1 'answered 418'
stays

# refused TEXT SET: it is published, and left alone
refused()
{
    serve "$2"
    fetch
    says 1 "$1"
    stays
}
it 'a page'
refused 'the answer is no key set' '<!doctype html><html><body>Sign in</body></html>'
it 'an empty answer'
refused 'the answer is no key set' ''
it 'half a set'
refused 'the answer is no key set' "{\"keys\":[$(jwk two)"
it 'an empty set, as long as the legacy secret signs'
refused 'SUPABASE_JWT_SECRET is what verifies' '{"keys":[]}'
it 'a set without a usable key'
refused 'has no key for ES256 or RS256' '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"e","x":"AAAA"},{"kid":"n"}]}'
it 'a key on another curve than it says'
refused 'has no key' '{"keys":[{"kty":"EC","crv":"P-256","kid":"z","x":"AAAA","y":"AAAA"}]}'
it 'a symmetric key alone'
refused 'has no public key' "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"two\",\"k\":\"$(printf %s "$jwt_secret" | base64url)\"}]}"
it 'a private key alone'
refused 'has no public key' "{\"keys\":[$(jwk two ',"d":"AAAA"')]}"
it 'more than 64 KiB'
refused 'answered more than 65536 bytes' "{\"keys\":[$(jwk two)],\"more\":\"$(head -c 65536 /dev/zero | tr '\0' x)\"}"
it 'more than anybody reads'
serve "$(head -c 3000000 /dev/zero | tr '\0' ' ')"
fetch
says 1 'answer is too large'
stays
it 'more keys than a set has'
refused 'more than 64 keys' "{\"keys\":[$(jwk two)$(for i in $(seq 64); do printf ',{}'; done)]}"

it 'after all of it the old key verifies still'
accepts one 200

it 'a symmetric key beside a good one never gets into the file'
secret=$(printf %s "$jwt_secret" | base64url)
serve "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"s\",\"k\":\"$secret\"},$(jwk two),$(jwk one ',"d":"private"')]}"
fetch
says 0 'key set written: 1 usable key'
says 0 '2 secret ones left out'
case $(cat "$file") in
*"$secret"* | *private* | *oct*) complain 'the file' 'no secret' "$(cat "$file")" ;;
esac
accepts two 200
accepts one 401
post send-whatsapp '{"to":"01012345678","message":"x"}' \
    "Authorization: Bearer $(jwt "$(user_claims $user)" '{"alg":"HS256","kid":"s"}')"
equals 'the status with a token of the symmetric key' 401 "$status"

it 'a byte order mark'
serve "$(printf '\357\273\277')""{\"keys\":[$(jwk one)]}"
fetch
says 0 'key set written: 1 usable key'
accepts one 200

it 'a directory that cannot be written to'
kept=$(cat "$file")
serve "{\"keys\":[$(jwk two)]}"
fetch JWT_JWKS_FILE=/proc/jwks.json
says 1 "cannot write '/proc/jwks.json': "
stays

it 'many at once, beside readers: each sees a whole set, and nothing is left behind'
for round in 1 2 3 4 5 6; do
    serve "{\"keys\":[$(jwk one),$(jwk two)$(for i in $(seq "$round"); do printf ',{}'; done)]}"
    runs=
    for i in 1 2 3 4; do
        ( fetcher=$i; fetch; [ "$status" -eq 0 ] || echo "$said" >>"$work/complaints" ) &
        runs="$runs $!"
    done
    while kill -0 "${runs##* }" 2>/dev/null; do
        case $(cat "$file") in
        '{"keys":['*']}') ;;
        *) complain 'what a reader sees' 'a whole set' "$(cat "$file")" ;;
        esac
    done
    # shellcheck disable=SC2086 # a list
    wait $runs
done
[ ! -e "$work/complaints" ] || complain 'each run' success "$(cat "$work/complaints")"
equals 'the file' "$(cat "$published/jwks.json")" "$(cat "$file")"
equals 'the directory' jwks.json "$(ls -A "$work/fetched")"

finish
