#!/bin/sh
# Does what a call costs depend on how much is stored, and on how long it has been running?
#
#   sh tests/bench/growth.sh [OPTION]... BUILD-DIRECTORY
#
#   --rows N        messages in the large database, over ten years (10000000)
#   --only PART     cost, load or expire; may be given more than once
#   --rounds N      rounds of cost (5); each asks both databases, in turns
#   --minutes N     how long load runs (10)
#   --keep          leave the database where it is, for the next run: BUILD-DIRECTORY/growth-N. It takes
#                   some 20 GB for 10,000,000 rows, and five minutes or more to make.
#
# cost: PostgreSQL's CPU time of a call, on a kept connection, with N messages beside 10,000. The last 30
# days are the same in both: what is asked of a window of time reads equal numbers of messages. "late" are
# callbacks for any message of all the years, evenly.
# load: sends and three callbacks for each, at half of what the database can, with autovacuum as the schema sets
# it: latency by minute, dead rows by minute.
# expire: callbacks beside `twilio-delivery-status --expire`, which takes a day of a hundredth of all rows, and
# without; every wait for a lock of more than 100 ms.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=tests/common.sh
. "$root/tests/common.sh"

rows=10000000 recent=10000 only='' rounds=5 minutes=10 keep='' build='' calls=400 clients=8 find_seconds=20
expire_seconds=900

usage()
{
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit "$1"
}

while [ $# -gt 0 ]; do
    case $1 in
    --rows) rows=$2 && shift ;;
    --only) only="$only $2" && shift ;;
    --rounds) rounds=$2 && shift ;;
    --minutes) minutes=$2 && shift ;;
    --keep) keep=yes ;;
    -h | --help) usage 0 ;;
    -*) usage 2 >&2 ;;
    *) build=$1 ;;
    esac
    shift
done
[ -n "$build" ] || usage 2 >&2
build=$(cd "$build" && pwd -P)
only=${only:-cost load expire}
dir=$build/growth-$rows
mkdir -p "$dir"
[ "$(id -u)" -ne 0 ] || chown "$unprivileged_user:" "$dir"
work=$dir/work
mkdir -p "$work"
# Where the user may run it.
cp "$build/cgi-bin/twilio-delivery-status" "$work/"

fail()
{
    echo "growth.sh: $*" >&2
    exit 1
}

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$@"; }

end()
{
    trap - EXIT HUP INT TERM
    trap '' PIPE # who read has gone
    cluster_stop "$dir" || :
    [ -n "$keep" ] || rm -rf --one-file-system "$dir"
}

# ---------------------------------------------------------------- what is stored

fill_part()
{
    sql "$1" -v rows="$2" -v recent="$recent" -v part="$3" -f "$root/tests/bench/growth.sql"
}

# at_once DATABASE ROWS PART...
at_once()
{
    filled_database=$1 filled_rows=$2
    shift 2
    parts=''
    for part; do
        fill_part "$filled_database" "$filled_rows" "$part" &
        parts="$parts $!"
    done
    for part in $parts; do
        wait "$part"
    done
}

# fill DATABASE ROWS
fill()
{
    [ "$(sql postgres -c "select shobj_description(oid, 'pg_database') from pg_database where datname = '$1'")" \
        = "$2 rows" ] && return
    echo "# $1: $2 rows are made" >&2
    psql -X -q -d postgres -c "drop database if exists $1" -c "create database $1"
    { sql "$1" -f "$root/sql/standalone.sql" && sql "$1" -f "$root/sql/migrate.sql"; } >"$work/migrate.log" 2>&1 ||
        fail "the migration failed: $(tail -n 5 "$work/migrate.log")"
    fill_part "$1" "$2" begin
    at_once "$1" "$2" messages events keys
    sql "$1" -c 'drop table growth_rows' -c 'analyze profiles' -c 'analyze maintenance_requests'
    at_once "$1" "$2" 'end public.message_logs' 'end messaging.message_status_events' \
        'end messaging.idempotency_keys'
    sql postgres -c "comment on database $1 is '$2 rows'"
}

# ---------------------------------------------------------------- cost

account=AC0123456789abcdef0123456789abcdef

# Statements of one call each: statements WHAT ROUND ROWS
statements()
{
    awk -v what="$1" -v round="$2" -v rows="$3" -v calls="$calls" -v account="$account" '
        # As the programs make them: one behind the other.
        function id(n) { return sprintf("%s019b796d-d600-7000-9000-%08x%04x%s", q, round % 4294967296, n, q) }
        function send(name, n) {
            printf "select outcome from messaging.reserve_message(%sc%s, %scost %s%s, md5(%suser%d%s)::uuid, 5, %ssms%s, %s+2010%08d%s, %sتم استلام طلب الصيانة%s, null, null, %s{\"account_sid\": \"%s\"}%s, %s);\n",
                q, q, q, name, q, q, n * 7 % 5000, q, q, q, q, n * 7919 % 100000000, q, q, q, q, account, q, id(n)
            printf "select true from messaging.settle_message(%s, %sSM%s || md5(%scost %s%s), %squeued%s, null, null, %s{\"num_segments\": \"1\", \"num_media\": \"0\", \"direction\": \"outbound-api\"}%s, false, null);\n",
                id(n), q, q, q, name, q, q, q, q, q
        }
        function call_back(row, sid, status) {
            printf "select status from messaging.record_status(%s, %sSM%s || md5(%s%s%s), %s%s%s, null, null, %s{\"AccountSid\": \"%s\", \"ApiVersion\": \"2010-04-01\", \"From\": \"+15005550006\"}%s, null);\n",
                row, q, q, q, sid, q, q, status, q, q, account, q
        }
        BEGIN {
            q = "\047"
            srand(round)
            if (what == "send")
                for (n = 1; n <= calls; n++) send(round "-" n, n)
            if (what == "callback")
                for (n = 1; n <= calls; n++)
                    for (s = 1; s <= 2; s++) {
                        name = "cost " round "-" n
                        call_back(id(n), name, s == 1 ? "sent" : "delivered")
                    }
            if (what == "late")
                for (n = 1; n <= calls; n++)
                    call_back("null", "sid " 1 + int(rand() * rows), "read")
            if (what == "report")
                for (n = 1; n <= 5; n++) print "select messaging.report(30);"
            if (what == "message_report")
                for (n = 1; n <= 5; n++) print "select count(*) from public.message_report where day > current_date - 30;"
            if (what == "unsettled") {
                for (n = 0; n <= 30; n++)
                    printf "select * from messaging.reconcile_day(current_date - %d, %s%s%s, null, now());\n", n, q, account, q
                printf "select * from messaging.reconcile_orphans(%s%s%s, null, now(), null, null, 500);\n", q, account, q
            }
            if (what == "metrics")
                for (n = 1; n <= 5; n++) print "select * from messaging.metrics();"
        }'
}

# so_many WHAT: calls that CPU time is told for; a run of --reconcile asks for each day
so_many()
{
    case $1 in
    send | late) echo "$calls" ;;
    callback) echo $((calls * 2)) ;;
    unsettled) echo 1 ;;
    *) echo 5 ;;
    esac
}

# cost_of DATABASE ROWS WHAT ROUND: microseconds of PostgreSQL's CPU a call
cost_of()
{
    role=twilio_cgi
    [ "$3" != message_report ] || role=postgres
    {
        [ "$3" != message_report ] || echo 'set role service_role;'
        printf '%s\n' 'select public.growth_cpu() as begun \gset'
        statements "$3" "$4" "$2"
        printf '%s\n' '\echo cost'
        echo "select round((public.growth_cpu() - :begun) / 1000.0 / $(so_many "$3"), 1);"
    } >"$work/cost.sql"
    PGUSER=$role sql "$1" -f "$work/cost.sql" >"$work/cost.out"
    case $3 in
    send) equals "$calls" "$(grep -c '^reserved$' "$work/cost.out")" ;;
    callback) equals "$((calls * 2))" "$(grep -cE '^(sent|delivered)$' "$work/cost.out")" ;;
    late) equals "$calls" "$(grep -cE '^(read|undelivered)$' "$work/cost.out")" ;;
    esac
    sed '1,/^cost$/d' "$work/cost.out"
}

# What is measured has done what it is measured for.
equals() { [ "$1" -eq "$2" ] || fail "$2 calls of $1 did what they should: $(tail -n 3 "$work/cost.out")"; }

# pages_of DATABASE ROWS WHAT: pages that a call looks at
pages_of()
{
    {
        echo 'begin;'
        statements "$3" 99 "$2" | sed 's/^select/explain (analyze, buffers, timing off, costs off) select/'
        echo 'rollback;'
    } >"$work/pages.sql"
    sql "$1" -f "$work/pages.sql" | awk -v calls="$(so_many "$3")" '
        /^(Planning|Execution)/ { planning = /^Planning:/ }
        / *Buffers:/ && !planning && top {
            for (i = 2; i <= NF; i++)
                if ($i ~ /^(shared|temp)$/) shared = $i == "shared"
                else if (shared && sub(/^(hit|read)=/, "", $i)) sum += $i
            top = 0
        }
        /\(actual/ && /^[A-Z]/ { top = 1 }
        END { printf "%.0f\n", sum / calls }'
}

part_cost()
{
    whats='send callback late report message_report unsettled metrics'
    # What an earlier run has left dead is none of what is stored.
    for database in growth_small growth_large; do
        sql "$database" -c 'vacuum (analyze, index_cleanup on) public.message_logs' \
            -c 'vacuum (analyze, index_cleanup on) messaging.message_status_events' \
            -c 'vacuum (analyze, index_cleanup on) messaging.idempotency_keys'
    done
    : >"$work/costs"
    round=0
    while [ "$round" -lt "$rounds" ]; do
        round=$((round + 1))
        for what in $whats; do
            # The connections' own beginnings are in it, alike.
            small=$(cost_of growth_small "$recent" "$what" "$((round + run))")
            large=$(cost_of growth_large "$rows" "$what" "$((round + run))")
            echo "$what $small $large" >>"$work/costs"
        done
    done
    echo
    echo "PostgreSQL's CPU time of a call, microseconds, $rounds rounds; pages that it looks at:"
    echo
    echo "| call | beside $recent | beside $rows | ratio, least to greatest | pages | pages | ratio |"
    echo '|---|---:|---:|---|---:|---:|---:|'
    for what in $whats; do
        few=$(pages_of growth_small "$recent" "$what") many=$(pages_of growth_large "$rows" "$what")
        sed -n "s/^$what //p" "$work/costs" | awk -v what="$what" -v few="$few" -v many="$many" '
            { small[NR] = $1; large[NR] = $2; ratio[NR] = $2 / $1 }
            function sort(list, n, i, j, t) {
                for (i = 2; i <= n; i++)
                    for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
            }
            END {
                sort(small, NR); sort(large, NR); sort(ratio, NR)
                m = int((NR + 1) / 2)
                printf "| %s | %.0f | %.0f | %.2f (%.2f to %.2f) | %d | %d | %.2f |\n", what, small[m], large[m],
                    ratio[m], ratio[1], ratio[NR], few, many, few ? many / few : 0
            }'
    done
}

# ---------------------------------------------------------------- load

write_load()
{
    id="('019b796d-d600-7000-8000-' || lpad(to_hex((:n)::bigint), 12, '0'))::uuid"
    cat >"$work/send.sql" <<SQL
\\set n :first + :k * $clients + :client_id
\\set k :k + 1
select outcome from messaging.reserve_message('load', 'load ' || :n, md5('user' || (:n)::bigint % 5000)::uuid, 60, 'sms', '+2010' || lpad(((:n)::bigint % 20011 * 4999)::text, 8, '0'), 'مرحباً، تم استلام طلب الصيانة وسيتواصل معكم الفني قريباً', null, null, '{"account_sid": "$account", "tag": "received"}', $id);
select true from messaging.settle_message($id, 'SM' || md5('load ' || :n), 'queued', null, null, '{"num_segments": "1", "num_media": "0", "direction": "outbound-api"}', false, null);
SQL
    cat >"$work/call.sql" <<SQL
\\set n :first + :k / 3 * $clients + :client_id
\\set s :k % 3 + 1
\\set k :k + 1
select status from messaging.record_status($id, 'SM' || md5('load ' || :n), (array['sent', 'delivered', 'read'])[:s], null, null, '{"AccountSid": "$account", "ApiVersion": "2010-04-01", "From": "+15005550006"}', null);
SQL
    # All of a message's life.
    {
        cat "$work/send.sql"
        for status in sent delivered read; do
            sed "1,3d; s/(array.*:s\]/'$status'/" "$work/call.sql"
        done
    } >"$work/life.sql"
}

# drive NAME SCRIPT RATE SECONDS: callers at a rate, in the background; writes a log of latencies
drive()
{
    (cd "$work" && exec pgbench -U twilio_cgi -n -M extended -c "$clients" -j 1 -D first="$first" -D k=0 -R "$3" -T "$4" \
        -l --log-prefix="$work/$1.latency" -f "$2.sql" growth_large) >"$work/$1.out" 2>&1 &
    drivers="$drivers $!"
}

# Half of the messages a second whose whole lives the database can serve.
find_half()
{
    [ -z "${half:-}" ] || return 0
    write_load
    first=$((run * 10000000))
    (cd "$work" && pgbench -U twilio_cgi -n -M extended -c "$clients" -j 2 -D first="$first" -D k=0 -T "$find_seconds" -f life.sql \
        growth_large) >"$work/life.out" 2>&1
    half=$(awk '/^tps/ { printf "%d", $3 / 2 }' "$work/life.out")
    [ "${half:-0}" -gt 0 ] || fail "$(tail -n 5 "$work/life.out")"
    first=$((first + 5000000))
    echo
    echo "Half load: $half messages a second, with three callbacks each."
}

start_load()
{
    rm -f "$work"/*.latency.*
    drivers=''
    drive send send "$half" "$1"
    sleep 2
    drive call call "$((half * 3))" "$(($1 - 2))"
}

end_load()
{
    for driver in $drivers; do
        wait "$driver" || fail "$(tail -n 5 "$work"/send.out "$work"/call.out)"
    done
    grep -l -e ERROR -e aborted "$work"/send.out "$work"/call.out && fail 'the load failed'
    arrived=$(sql growth_large -c "
        select count(*) filter (where m.status = 'read') * 100 / greatest(count(*), 1)
        from public.message_logs m
        where m.sent_at between now() - interval '1 minute' - $1 * interval '1 second' and now() - interval '10 seconds'")
    [ "$arrived" -gt 90 ] || fail "of the load's messages $arrived % have arrived"
    first=$((first + 1000000))
}

# CPU seconds of all of the cluster's processes so far, the ones that have ended included
cluster_cpu()
{
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v postmaster="$(head -n 1 "$dir/data/postmaster.pid")" \
        -v hz="$(getconf CLK_TCK)" '
        { pid = $1; sub(/^.*\) /, "") }
        pid == postmaster { sum += $12 + $13 + $14 + $15 }
        $2 == postmaster { sum += $12 + $13 }
        END { print sum / hz }'
}

# Latencies of NAME between two times (seconds since the epoch), in milliseconds: count, median, p99, greatest
latencies()
{
    cat "$work/$1".latency.* | awk -v from="$2" -v to="$3" '{ t = $5 + $6 / 1e6 } t >= from && t < to { print $3 / 1000 }' |
        sort -n | awk '{ l[NR] = $1 } END { printf "%d %.2f %.2f %.2f\n", NR, l[int(NR * 0.5) + 1], l[int(NR * 0.99) + 1], l[NR] }'
}

part_load()
{
    find_half
    echo
    echo "$minutes minutes at it. Milliseconds; CPU milliseconds of the whole cluster a message; rows that are dead in"
    echo 'message_logs, message_status_events and idempotency_keys, and their sizes:'
    echo
    echo '| minute | send, median | p99 | callback, median | p99 | CPU | dead rows | MB |'
    echo '|---:|---:|---:|---:|---:|---:|---|---|'
    start_load "$((minutes * 60 + 5))"
    minute=0
    : >"$work/minutes"
    while [ "$minute" -lt "$minutes" ]; do
        minute=$((minute + 1))
        from=$(date +%s) cpu=$(cluster_cpu)
        sleep 60
        to=$(date +%s)
        cpu=$(echo "$cpu $(cluster_cpu)" | awk '{ print $2 - $1 }')
        # The logs are written in blocks.
        echo "$minute $from $to $cpu $(sql growth_large -F ' ' -c "
            select string_agg(s.n_dead_tup::text, ',' order by s.relname desc),
                string_agg((pg_total_relation_size(s.relid) / 1000000)::text, ',' order by s.relname desc)
            from pg_stat_user_tables s
            where s.relname in ('message_logs', 'message_status_events', 'idempotency_keys')")" >>"$work/minutes"
    done
    end_load "$((minutes * 60))"
    while read -r minute from to cpu dead sizes; do
        sent=$(latencies send "$from" "$to") called=$(latencies call "$from" "$to")
        echo "$minute $sent $called $cpu $dead $sizes" | awk '
            { printf "| %d | %.2f | %.2f | %.2f | %.2f | %.2f | %s | %s |\n", $1, $3, $4, $7, $8, $10 * 1000 / $2, $11, $12 }'
    done <"$work/minutes" | tee "$work/minutes.table"
    echo
    awk -F '|' '
        function slope(name, column, unit,    i, n, x, y, xy, xx, b) {
            n = NR
            for (i = 1; i <= n; i++) { x += i; y += v[column, i]; xy += i * v[column, i]; xx += i * i }
            b = n > 1 ? (n * xy - x * y) / (n * xx - x * x) : 0
            printf "%s: %.2f %s on average, %+.1f %% of it over the %d minutes, as a straight line has it\n", name, y / n, unit,
                b * (n - 1) / (y / n) * 100, n
        }
        { for (c = 3; c <= 7; c++) v[c, NR] = $c }
        END {
            slope("send, median", 3, "ms"); slope("send, p99", 4, "ms")
            slope("callback, median", 5, "ms"); slope("callback, p99", 6, "ms"); slope("CPU a message", 7, "ms")
        }' "$work/minutes.table"
    echo "autovacuum: $(sql growth_large -F ' ' -c "
        select string_agg(relname || ' ' || autovacuum_count || ' times, analysed ' || autoanalyze_count, ', ' order by relname)
        from pg_stat_user_tables
        where relname in ('message_logs', 'message_status_events', 'idempotency_keys')")"
}

# ---------------------------------------------------------------- expire

part_expire()
{
    find_half
    # As every run leaves it.
    sql growth_large -c "delete from messaging.idempotency_keys where begun_at < now() - interval '30 days'" \
        -c 'vacuum (analyze) messaging.idempotency_keys'
    days=$(sql growth_large -c "
        select floor(extract(epoch from now() - sent_at) / 86400)
        from public.message_logs order by sent_at offset $((rows / 100)) limit 1")
    due=$(sql growth_large -c "select count(*) from public.message_logs where sent_at < now() - interval '$days days'")
    log_begun=$(wc -l <"$dir/postgres.log")
    echo
    echo "Callbacks at half load beside --expire, which takes $due of $rows messages (KEEP_MESSAGES_DAYS=$days):"
    start_load "$expire_seconds"
    sleep "$((expire_seconds / 5))"
    begun=$(date +%s)
    as_user env -i PATH="$PATH" DATABASE_URL="host=$PGHOST port=$PGPORT dbname=growth_large user=twilio_cgi" \
        TWILIO_ACCOUNT_SID="$account" TWILIO_AUTH_TOKEN=0123456789abcdef0123456789abcde0 \
        TWILIO_PHONE_NUMBER=+15005550006 PUBLIC_URL=https://example.org/functions/v1 \
        KEEP_MESSAGES_DAYS="$days" timeout -k 10 "$((expire_seconds * 3 / 5))" "$work/twilio-delivery-status" --expire \
        >"$work/expire.out" 2>&1 || [ $? -eq 124 ] || fail "$(cat "$work/expire.out")"
    ended=$(date +%s)
    end_load "$expire_seconds"
    echo
    echo '| | callbacks | median | p99 | greatest, ms |'
    echo '|---|---:|---:|---:|---:|'
    for window in "before $((begun - expire_seconds / 5 + 4)) $begun" "beside $begun $ended" "after $ended $((ended + 1000))"; do
        # shellcheck disable=SC2086 # words
        set -- $window
        echo "| $1 | $(latencies call "$2" "$3" | sed 's/ / | /g') |"
    done
    echo
    echo "--expire ran for $((ended - begun)) s (it is stopped after $((expire_seconds * 3 / 5))): $(tail -n 1 "$work/expire.out")"
    echo "left of them: $(sql growth_large -c "select count(*) from public.message_logs where sent_at < now() - interval '$days days'")"
    echo "waits for a lock of more than 100 ms: $(tail -n "+$((log_begun + 1))" "$dir/postgres.log" | grep -c 'still waiting for' || :)"
    tail -n "+$((log_begun + 1))" "$dir/postgres.log" | grep -A 3 'still waiting for' | head -n 20 || :
}

# ---------------------------------------------------------------- the run

trap 'end; exit 1' HUP INT PIPE TERM
trap end EXIT
# What is made is not worth a wait for the disk; what is measured is as it is elsewhere.
cluster_start "$dir"
fill growth_small "$recent"
fill growth_large "$rows"
for database in growth_small growth_large; do
    sql "$database" -f "$root/sql/migrate.sql" >/dev/null
done
# A quarter of the memory is usual; here there are others. And who writes so much does not write every page
# in whole once a minute.
sql postgres -c "alter system set shared_buffers = '2GB'" -c "alter system set max_wal_size = '8GB'"
cluster_stop "$dir"
cluster_start "$dir" fsync
sql postgres -c "alter system set log_lock_waits = on" -c "alter system set deadlock_timeout = '100ms'" \
    -c "alter system set log_autovacuum_min_duration = 0" -c "select pg_reload_conf()" >/dev/null
run=$(date +%s | awk "{ print \$1 % 100000 }")
for part in $only; do
    "part_$part"
done
