#!/bin/sh
# nginx/local.sh from a clean checkout whose path has a space, and of what it must survive.
#
#   sh test_local.sh BUILD-DIRECTORY
set -u
root=$(cd "$(dirname "$0")/../.." && pwd -P)
work=$(mktemp -d /tmp/twilio-cgi-local.XXXXXX) || exit 1
chmod 755 "$work"
checkout="$work/a checkout"
state="$checkout/build/local"
cases=0 failures=0
# Compiled fast: it is not the programs that are tested here.
export CMAKE_BUILD_TYPE=Debug

end()
{
    trap - EXIT
    [ ! -f "$checkout/nginx/local.sh" ] || sh "$checkout/nginx/local.sh" down >/dev/null 2>&1
    rm -rf --one-file-system "$work"
}
trap end EXIT
trap 'exit 1' HUP INT PIPE TERM

copy()
{
    mkdir "$1"
    ( cd "$root" && tar -cf - CMakeLists.txt cgi-bin lib nginx sql tests ) | tar -xf - -C "$1"
    # Of the tests only the sandbox takes part.
    sed -i '/subdirectory/{/sandbox/!d}' "$1/tests/CMakeLists.txt"
}

# local_sh VERB...: sets $status; the output is in $work/output.
local_sh()
{
    sh "$checkout/nginx/local.sh" "$@" </dev/null >"$work/output" 2>&1
    status=$?
}

# expect NAME STATUS [PATTERN...]
expect()
{
    name=$1 problem=''
    cases=$((cases + 1))
    [ "$status" -eq "$2" ] || problem="exit status $status instead of $2"
    shift 2
    for pattern; do
        grep -q -e "$pattern" "$work/output" || problem="$problem; no '$pattern'"
    done
    if [ -n "$problem" ]; then
        failures=$((failures + 1))
        echo "not ok $cases - $name: $problem"
        sed 's/^/#   /' "$work/output"
    else
        echo "ok $cases - $name"
    fi
}

# Processes that are at home in the checkout's build/local, wherever that is.
ours()
{
    home=$(cd "$state" 2>/dev/null && pwd -P)
    for process in /proc/[0-9]*; do
        case $(readlink "$process/cwd" 2>/dev/null) in
        "${home:-none}" | "${home:-none}"/*) echo "${process#/proc/}" ;;
        esac
    done
}

expect_none_left()
{
    status=$(ours | wc -l)
    ours >"$work/output"
    expect "$1" 0
}

# one_line PATTERN: it says what is wrong in one line.
one_line()
{
    grep -q -e "$1" "$work/output" && [ "$(wc -l <"$work/output")" -eq 1 ]
    status=$?
}

# as_other VERB: local.sh, by a user who is neither root nor the servers'.
as_other()
{
    ( cd / && exec setpriv --reuid 65534 --regid 65534 --clear-groups \
        sh "$checkout/nginx/local.sh" "$@" ) </dev/null >"$work/output" 2>&1
    status=$?
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# What is planted by the servers' user, and what must not come of it.
as_servers() { setpriv --reuid www-data --regid www-data --clear-groups "$@" 2>/dev/null; }

database() { psql -X -q -A -t -d "host='$state/run' port=5432 dbname=twilio_cgi user=postgres" "$@"; }

copy "$checkout"

local_sh help
expect 'the usage names all that the verbs take' 0 'up \[NUMBER\]' 'demo \[NUMBER\]' 'run PROGRAM'

local_sh status
expect 'status before anything' 3 'web .*not running'
local_sh down
expect 'down before anything' 0 'Not running'
local_sh demo
expect 'demo before anything' 1 'not up'
local_sh run send-whatsapp --check
expect 'run before anything' 1 'no settings yet'
TWILIO_ACCOUNT_SID=AC0123456789abcdef0123456789abcdef local_sh up
expect 'up with half an account' 1 'the real Twilio needs TWILIO_ACCOUNT_SID'
status=$(find "$checkout/build" -name CMakeCache.txt | wc -l)
expect 'it is told before anything is built' 0

# Settings are texts, whatever a shell would make of them.
hostile="\$(touch $work/pwned) \`touch $work/pwned\`; touch $work/pwned '\"'"
export SUPABASE_JWT_SECRET="$hostile" JWT_ISSUER="https://example.org/'\$(touch $work/pwned)"

TWILIO_ACCOUNT_SID=AC0123456789abcdef0123456789abcdef TWILIO_AUTH_TOKEN="a token
x=1" TWILIO_PHONE_NUMBER=+12025550100 local_sh up
expect 'up with a line end in a setting' 1 'TWILIO_AUTH_TOKEN has a line end'

local_sh up
expect 'up: the first message is delivered' 0 ' pending ' ' delivered ' \
    'status = delivered' 'external_id = SM' 'segments = ' 'sent_at = ' 'delivered_at = '
grep '^curl ' "$work/output" >"$work/calls"
# The calls it prints are good: each but the wrong number gets 200.
while IFS= read -r call; do
    case $call in
    *12345\",*) wanted=400 ;;
    *) wanted=200 ;;
    esac
    sh -c "$call -s -o '$work/output' -w '%{http_code}'" </dev/null >"$work/code" 2>/dev/null
    status=$(tail -c 3 "$work/code")
    expect "printed: $(printf %s "$call" | cut -c 1-90)..." "$wanted"
done <"$work/calls"
status=$(wc -l <"$work/calls")
expect 'seven calls are printed' 7
status=$(grep -c -v '^curl -i ' "$work/calls")
expect 'each shows the status' 0

# The world's port, where a tunnel would lead: there nobody sends, and Twilio is heard.
public=http://127.0.0.1:$(cat "$state/record/public-port")/functions/v1
curl -q -s "$public/send-twilio-message" -d '{"to":"01012345678","message":"x"}' >"$work/output"
status=$?
expect 'by the public port nobody sends' 0 '"code":"forbidden"'
curl -q -s "$public/twilio-delivery-status" -d 'MessageSid=SM123456789&MessageStatus=delivered' >"$work/output"
status=$?
expect 'and Twilio is heard' 0 '"success":true'

local_sh up
expect 'up again: already up' 0 'Already up'
local_sh status
expect 'status while it runs' 0 'database .*running' 'twilio .*running' 'programs .*running' \
    'web .*running' 'Up at http://127.0.0.1:'
local_sh run twilio-delivery-status --report --json
expect 'run: a verb with the settings' 0 '"message_type":"sms"'
local_sh run send-twilio-message --check
expect 'run: what is set' 0 'send-twilio-message: ready'
local_sh run send-whatsapp --nonsense
expect "run: the exit status is the program's" 2 "unknown option '--nonsense'"
for program in '' sh ../bin/twilio-sandbox 'send-whatsapp twilio-delivery-status'; do
    local_sh run "$program"
    expect "run: '$program' is none of the programs" 1 'run one of: send-twilio-message send-whatsapp'
done
if [ "$(id -u)" -eq 0 ]; then
    status=$(for pid in $(ours); do stat -c %U "/proc/$pid"; done | grep -c '^root$')
    expect 'nothing runs as root' 0
fi
status=$(stat -c %a "$state/environment")
expect 'the settings are private' 600
status=$(stat -c %u "$state/environment")
expect "and the caller's" "$(id -u)"
cp "$state/log/web.log" "$work/output"
status=$(grep -c alert "$work/output")
expect 'the web server has nothing to complain of' 0
unset SUPABASE_JWT_SECRET JWT_ISSUER

# PostgreSQL's files are replaced while it runs: processes live, and nothing is well.
database -c "update pg_proc set probin = '\$libdir/of-another-version' where probin = '\$libdir/plpgsql'"
local_sh status
expect 'status, when the database cannot load what it needs' 1 'programs .*running' \
    'send-whatsapp --check says' 'of-another-version'
local_sh up
expect 'up then' 1 'Already up' 'of-another-version'
database -c "update pg_proc set probin = '\$libdir/plpgsql' where probin = '\$libdir/of-another-version'"
local_sh status
expect 'status, when all is well again' 0

if is_root; then
    # What root reads and writes is in directories and files of root's.
    find "$state" \( -name data -o -name run -o -name spool \) -prune -o ! -user root \
        ! \( -path '*/log/*' -type f \) ! \( -path '*/nginx/*' -type d \) -print >"$work/output"
    status=$(wc -l <"$work/output")
    expect "all is root's but what the servers write" 0
    echo kept >"$work/victim"
    for file in environment log/web.log log/build.log log/migration.log record/port record/answer \
        record/web.pid nginx/nginx.conf cgi-bin/send-whatsapp; do
        as_servers rm -f "$state/$file"
        as_servers ln -sf "$work/victim" "$state/$file"
        as_servers sh -c "echo 'touch $work/pwned' >>'$state/$file'"
    done
    # Where the servers' user may write.
    echo "secret $work" >"$work/secret"
    chmod 600 "$work/secret"
    for file in run/twilio.port run/web.pid run/port run/answer data/PG_VERSION spool/link nginx/body/link; do
        as_servers ln -sf "$work/secret" "$state/$file"
    done
    for verb in status demo down up; do
        local_sh $verb
        status=$(grep -c "secret $work" "$work/output")
        expect "what is root's is not shown by $verb" 0
    done
    as_servers rm "$state/data/PG_VERSION"
    echo "../../../../$work/evil" | as_servers tee "$state/data/PG_VERSION" >/dev/null
    local_sh up
    expect 'a version that is none' 1 'is no database'
    database_version=$(find /usr/lib/postgresql -maxdepth 1 -name '[0-9]*' -printf '%f\n' | sort -n | tail -n 1)
    echo "$database_version" | as_servers tee "$state/data/PG_VERSION" >/dev/null
    local_sh up
    expect 'up after all that' 0 'status = delivered'
    status=$(cat "$work/victim" "$work/secret" | grep -c -v -e '^kept$' -e "^secret $work\$")
    expect 'files that links led to are what they were' 0
    status=$(stat -c %u%a "$work/secret")
    expect "and whose they were" 0600

    # Somebody else's.
    for verb in status down demo up; do
        as_other $verb
        one_line "root's"
        expect "$verb by another user says whose it is" 0
    done
    local_sh down
    cp "$state/environment" "$work/environment"
    echo "touch $work/pwned" >"$state/environment"
    chown www-data "$state/environment"
    for verb in status demo up; do
        local_sh $verb
        one_line "www-data's"
        expect "$verb does not believe settings that are not root's" 0
    done
    rm "$state/environment"
    ln -s "$work/environment" "$state/environment"
    local_sh up
    one_line 'is a link'
    expect 'nor a link' 0
    rm "$state/environment"
    chown -R 65534 "$checkout/build/local"
    find "$checkout/build" -printf '%p %u %m %T@\n' | sort >"$work/before"
    local_sh up
    one_line "$(stat -c %U "$checkout/build/local")'s"
    expect 'up as root where another user was before' 0
    find "$checkout/build" -printf '%p %u %m %T@\n' | sort | diff "$work/before" - >"$work/output"
    status=$?
    expect 'and nothing is changed' 0
    rm -rf "$checkout/build/local"
    local_sh up
    expect 'up once that is removed' 0 'status = delivered'
fi
status=$([ ! -e "$work/pwned" ]; echo $?)
expect 'nothing that a setting holds was run' 0

local_sh demo 01112345678
expect 'demo, to another number' 0 'recipient = +201112345678' 'status = delivered'
local_sh demo 12345
expect 'demo, to a number that is none' 1 'Invalid phone number format' 'was refused'

# Two checkouts at the same time: the second takes the next port. That it builds is known; it is given what the
# first has built.
other="$work/other"
copy "$other"
first=$checkout
checkout=$other
mkdir "$work/bin"
cat >"$work/bin/cmake" <<TEXT
#!/bin/sh
[ "\$1" != -S ] || cp -R '$first/build/cgi-bin' '$first/build/tests' "\$4/"
TEXT
chmod 755 "$work/bin/cmake"
checkout=$first
local_sh down
SEND_TWILIO_MESSAGE_AUTH=required PATH=$work/bin:$PATH \
    sh "$other/nginx/local.sh" up </dev/null >"$work/second" 2>&1 &
other_up=$!
local_sh up
expect 'up beside that of a second checkout' 0 'status = delivered'
wait "$other_up"
status=$?
mv "$work/second" "$work/output"
expect 'which comes up too, and sends with a token where one is required' 0 'status = delivered'
status=$([ "$(cat "$other/build/local/record/port")" != "$(cat "$state/record/port")" ]; echo $?)
expect 'on a port of its own' 0
checkout=$other
local_sh down
expect 'and goes down' 0 'Stopped'
checkout=$first
local_sh status
expect 'without the first' 0

# What is left of a run that was killed.
kill -KILL "$(cut -d ' ' -f 1 "$state/record/web.pid")"
local_sh status
expect 'a part of it runs' 1 'web .*not running' 'database .*running'
local_sh up
expect 'up after a part has died' 0 'status = delivered'

# A restart of the machine: the processes are gone, their numbers may be somebody else's.
for pid in $(ours); do kill -KILL "$pid"; done
while [ -n "$(ours)" ]; do sleep 0.1; done
owner=$(stat -c %u "$state/data")
setpriv --reuid="$owner" sleep 1000 &
stranger=$!
for service in database twilio programs web; do
    echo "$stranger 1 00000000-0000-0000-0000-000000000000" >"$state/record/$service.pid"
done
# PostgreSQL's own marks name it too.
for mark in data/postmaster.pid run/.s.PGSQL.5432.lock; do
    sed -i "1s/.*/$stranger/" "$state/$mark"
done
local_sh status
expect 'status after a restart of the machine' 3
local_sh down
expect 'down after a restart of the machine' 0
status=$(kill -0 "$stranger"; echo $?)
expect 'who has the number now is left alone' 0
local_sh up
expect 'up after a restart of the machine: the data is there' 0 'status = delivered'
status=$(kill -0 "$stranger"; echo $?)
expect 'who has the number now is still left alone' 0
kill "$stranger"
local_sh down
expect 'down' 0 'Stopped'
expect_none_left 'nothing is left running'
local_sh status
expect 'status after down' 3

# An account of one's own: nothing is sent to anybody unasked.
account=AC0123456789abcdef0123456789abcdef
TWILIO_ACCOUNT_SID=$account TWILIO_AUTH_TOKEN=token "$checkout/build/tests/sandbox/twilio-sandbox" \
    --port-file "$work/twilio.port" --from +12025550100 --callback-delay-ms 20 &
real_twilio=$!
while [ ! -s "$work/twilio.port" ]; do sleep 0.1; done
export TWILIO_ACCOUNT_SID=$account TWILIO_AUTH_TOKEN=token TWILIO_PHONE_NUMBER=+12025550100
TWILIO_API_URL=http://127.0.0.1:$(cat "$work/twilio.port")
export TWILIO_API_URL JWT_ISSUER="$hostile"
local_sh up
expect 'up with an account of its own' 0 'Nothing sent: this is the real Twilio' \
    'Messages go to the real Twilio' \
    "^It calls back to http://127.0.0.1:$(cat "$state/record/port")/functions/v1, which must lead to http://127.0.0.1:$(cat "$state/record/public-port")/functions/v1: "
unset JWT_ISSUER TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_PHONE_NUMBER TWILIO_API_URL
local_sh demo
expect 'demo does not choose a number then' 0 'Nothing sent'
local_sh demo 01012345678
expect 'demo to a number' 0 'status = delivered'
local_sh status
expect 'status with an account of its own' 0 'web .*running' 'Messages go to the real Twilio' \
    "must lead to http://127.0.0.1:$(cat "$state/record/public-port")/functions/v1"
local_sh down
kill "$real_twilio"

status=$([ ! -e "$work/pwned" ]; echo $?)
expect 'nothing that a setting holds was run then' 0

# A failure says what went wrong and stops what it has started.
echo 'select no_such_function();' >>"$checkout/sql/migrate.sql"
local_sh up
expect 'a failure shows the end of the log' 1 'the migration failed' 'no_such_function'
expect_none_left 'and leaves nothing running'

echo "1..$cases"
[ "$failures" -eq 0 ]
