# Measuring; POSIX sh, sourced by run.sh.
#
# A part lists its lines and the programs of each, then measures them in rounds:
#
#   line 'webhook, CGI, 8 callers'              what the next programs are measured at
#   pair KIND SOCKET/PROGRAM OPTION...          ours, and before's
#   program LABEL KIND SOCKET/PROGRAM OPTION... another, if it is there
#   statement LABEL NAME WAY OPTION...          pgbench with the SQL of statement_NAME
#   in_rounds ROWS                              all of them, each on so many fresh rows
#
# KIND is that of load.c: webhook, sms, whatsapp. The options are load's or pgbench's, and before them:
#   delay=MILLISECONDS   what Twilio takes
#   longer=N             so many times as long
#   stores=N             rows that a request leaves (1)
#
# A measurement is a line of the results: LINE|LABEL|ROUND|NAME=VALUE...
#
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh's and its files' variables

line() { line=$1; }

plan() { printf '%s\n' "$*" >>"$work/plan"; }

program()
{
    program_label=$1 program_kind=$2 program_target=$3
    shift 3
    case $program_target in
    node-*) [ -n "$node" ] || return 0 ;;
    *) [ -x "$work/bin/${program_target#*/}" ] || return 0 ;;
    esac
    plan "$line|$program_label|load $program_kind $program_target $*"
}

pair()
{
    pair_kind=$1 pair_target=$2
    shift 2
    program ours "$pair_kind" "$pair_target" "$@"
    program before "$pair_kind" "${pair_target%%/*}-before/before-${pair_target#*/}" "$@"
}

statement()
{
    case $1 in
    *before) [ -n "$other" ] || return 0 ;;
    esac
    statement_label=$1
    shift
    plan "$line|$statement_label|bench $*"
}

# Every other round backwards: what drifts, drifts for none more than for the others. One that fails is told of,
# and the run goes on without it; it has failed in the end.
in_rounds()
{
    round=0
    while [ "$round" -lt "$rounds" ]; do
        round=$((round + 1))
        if [ $((round % 2)) -ne 0 ]; then cat "$work/plan"; else tac "$work/plan"; fi >"$work/order"
        while IFS='|' read -r line label command <&3; do
            side=ours
            case $label in
            *before) side=before ;;
            esac
            fill "$1"
            # shellcheck disable=SC2086 # a command and its words
            (measured $command) || {
                failed=yes
                delay 0
            }
        done 3<"$work/order"
    done
    side=ours
    rm -f "$work/plan"
}

# measured COMMAND...: the options that are not its own taken out
measured()
{
    delay='' longer=1 stores=1 words=
    for word; do
        case $word in
        delay=*) delay=${word#*=} ;;
        longer=*) longer=${word#*=} ;;
        stores=*) stores=${word#*=} ;;
        *) words="$words $word" ;;
        esac
    done
    duration=$((seconds * longer))
    [ -z "$delay" ] || delay "$delay"
    # shellcheck disable=SC2086 # a command and its words
    $words
    [ -z "$delay" ] || delay 0
}

# ---------------------------------------------------------------- what it cost

# CPU ticks of the programs, the web server, the database, the pooler: own, and of children reaped.
# Where there is a control group it counts for the programs.
# A process belongs to a component when it, or its parent, is one that was started for it.
ticks()
{
    group=$(cat "$work/$1.group" 2>/dev/null) || group=
    usage=
    [ -z "$group" ] || usage=$(sed -n 's/^usage_usec //p' "$group/cpu.stat")
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v programs="$(cat "$work/run/$1.pid" 2>/dev/null | tr '\n' ' ')" \
        -v nginx="$(cat "$work/run/nginx.pid")" -v postgres="$postgres_pid" \
        -v bouncer="$(cat "$work/run/bouncer.pid")" -v usage="$usage" \
        -v hz="$(getconf CLK_TCK)" '
        BEGIN {
            n = split(programs, list, " ")
            for (i = 1; i <= n; i++) component[list[i]] = 1
            component[nginx] = 2; component[postgres] = 3; component[bouncer] = 4
        }
        {
            pid = $1
            sub(/^.*\) /, "")
            c = pid in component ? component[pid] : $2 in component ? component[$2] : 0
            sum[c] += $12 + $13 + $14 + $15
        }
        END { print usage ? usage / 1e6 * hz : sum[1] + 0, sum[2] + 0, sum[3] + 0, sum[4] + 0 }'
}

pss()
{
    for pid in $(cat "$work/run/$1.pid"); do
        sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup"
    done | awk '{ sum += $1 } END { print sum + 0 }'
}

stored()
{
    case $1 in
    webhook) sql -c 'select count(*) from messaging.message_status_events' ;;
    *) sql -c "select count(*) - $filled from public.message_logs where external_id is not null" ;;
    esac
}

value() { printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"; }

# note KIND BEFORE AFTER RESULT: check what was stored, and keep the figures.
note()
{
    ok=$(value ok "$4") sent=$(value sent "$4")
    now_stored=$(stored "$1")
    [ "$now_stored" -eq $((was_stored + ok * stores)) ] && [ "$ok" -eq "$sent" ] ||
        fail "$line, $label: $sent requests, $ok good answers, $((now_stored - was_stored)) stored"
    # shellcheck disable=SC2086 # two lists of four numbers
    cpu=$(set -- $2 $3 && awk -v n="$ok" -v hz="$(getconf CLK_TCK)" -v a="$1" -v b="$2" -v c="$3" \
        -v d="$4" -v e="$5" -v f="$6" -v g="$7" -v h="$8" 'BEGIN {
            k = 1000 / hz / n
            printf "program=%.4f nginx=%.4f postgres=%.4f bouncer=%.4f", (e - a) * k, (f - b) * k, (g - c) * k, (h - d) * k
        }')
    keep_figures "$4 $cpu ${extra:-}"
    next=$((next + sent))
}

# keep_figures NAME=VALUE...
keep_figures()
{
    echo "$line|$label|$round|$*" >>"$results"
    echo "  $line, $label: $*" >&2
}

# ---------------------------------------------------------------- requests

load()
{
    kind=$1 target=$2
    shift 2
    modulus=$filled socket=${target%%/*}
    [ "$kind" != whatsapp ] || modulus=$users
    # A first request each, and the connections are there. What is compiled as it runs needs more of them.
    warm=32
    case $target in
    node-*) warm=2000 ;;
    esac
    post_many --seconds 60 --most "$warm" --connections 32 || fail "$target does not answer: $result"
    next=$((next + warm))
    was_stored=$(stored "$kind") before=$(ticks "$socket")
    post_many --seconds "$duration" "$@" || fail "$line, $label: $result"
    after=$(ticks "$socket") extra=
    case $target in
    cgi*) ;;
    *)
        extra="pss=$(pss "$socket") connections=$(sql -c \
            "select count(*) from pg_stat_activity where application_name = '$socket'")"
        ;;
    esac
    note "$kind" "$before" "$after" "$result"
}

# post_many OPTION...: of load's; what it says is the result
post_many()
{
    result=$("$work/bin/bench_load" --port "$port" --path "/$target" --kind "$kind" --rows "$modulus" \
        --auth-token "$auth_token" --public-url "$public_url" --jwt-secret "$jwt_secret" \
        --first "$next" "$@" 2>&1)
}

# ---------------------------------------------------------------- statements

# What both have: each client's next number.
statement_number='\set n :first + :k * :clients + :client_id
\set k :k + 1'

# The callback that load.c makes.
statement_callback()
{
    cat <<'SQL'
\set row :n % :rows
\set pass :n / :rows
select outcome, id, external_id, status from messaging.record_status(md5('row ' || :row)::uuid, 'SM' || md5('sid ' || :row), (array['queued','sending','sent','delivered','read'])[:pass + 1], null, null, '{"AccountSid":"AC0123456789abcdef0123456789abcdef","ApiVersion":"2010-04-01","From":"+15005550006","MessageSid":"SM0123456789abcdef0123456789abcdef","MessageStatus":"delivered","SmsSid":"SM0123456789abcdef0123456789abcdef","SmsStatus":"delivered","To":"+201012345678"}'::jsonb, null);
SQL
}

# A send's two transactions, as the floor has them.
statement_send()
{
    cat <<'SQL'
select outcome from messaging.reserve_message('internal', null, null, null, 'sms', '+2010' || lpad(:n::text, 8, '0'), 'تم استلام طلب الصيانة رقم ' || :n || ' وسيتم التواصل معكم قريبًا', null, null, '{}', md5('send ' || :n)::uuid);
select messaging.settle_message(md5('send ' || :n)::uuid, 'SM' || md5('sent ' || :n), 'queued', null, null, '{"num_segments":"1","num_media":"0","direction":"outbound-api","from":"+15005550006","api_version":"2010-04-01"}', false, null);
SQL
}

# bench NAME WAY CLIENTS OPTION...
bench()
{
    kind=sms
    [ "$1" != callback ] || kind=webhook
    { echo "$statement_number" && "statement_$1"; } >"$work/pgbench.sql"
    url=$(database_url "$2" pgbench) clients=$3
    shift 3
    rm -f "$work"/log/pgbench.[0-9]* # of one that failed
    was_stored=$(stored "$kind") before=$(ticks none)
    (cd "$work" && pgbench -n -c "$clients" -j 2 -D first="$next" -D k=0 -D rows="$filled" -D clients="$clients" \
        -f pgbench.sql --log --log-prefix="$work/log/pgbench" "$@" -T "$duration" "$url") \
        >"$work/log/pgbench.out" 2>&1 || fail "$line, $label: $(tail -n 3 "$work/log/pgbench.out")"
    after=$(ticks none) extra=statements=yes
    cat "$work"/log/pgbench.[0-9]* >"$work/log/transactions"
    rm -f "$work"/log/pgbench.[0-9]*
    most=$(awk '$2 > most { most = $2 } END { print most }' "$work/log/transactions")
    result=$(sort -n -k 3 "$work/log/transactions" | transactions)
    note "$kind" "$before" "$after" "$result"
    next=$((next + clients * most)) # clients are not at the same number
}

# What pgbench's log says, sorted by time taken. Rate and times are of what came when each client had done
# its first, as requests find warm connections: CLIENT NUMBER MICROSECONDS SCRIPT SECOND MICROSECOND.
transactions()
{
    awk '
        {
            end[NR] = $5 + $6 / 1e6
            took[NR] = $3 / 1000
            if (!($1 in first) || end[NR] < first[$1]) first[$1] = end[NR]
        }
        END {
            for (client in first) if (first[client] > begun) begun = first[client]
            for (i = 1; i <= NR; i++)
                if (end[i] > begun) {
                    t[++n] = took[i]
                    if (end[i] > last) last = end[i]
                }
            if (!n) exit 1
            printf "sent=%d ok=%d bad=0 rate=%.1f p50=%.3f p99=%.3f max=%.3f", NR, NR, n / (last - begun),
                t[int(n * 0.5) + 1], t[int(n * 0.99) + 1], t[n]
        }'
}
