#!/bin/sh
# The figures: time of the functions at 10,000 and 1,000,000 rows, migration of 200,000 old rows.
#   sh tests/sql/measure.sh [DIR]     takes some minutes; DIR is made, and removed afterwards
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${1:-$root/build/sql-measure}
run="sh $root/tests/sql/run.sh $dir"
. "$root/tests/common.sh"
. "$root/tests/sql/tap.sh"
$run up
cluster_start "$dir"
trap 'cluster_stop "$dir"; rm -rf "$dir"' EXIT
work=$dir/work
mkdir -p "$work"

# Microseconds of a call on a kept connection, in a run of 3 seconds: time_of DATABASE WHAT ROUND
time_of() {
    pgbench -U twilio_cgi -n -M prepared -c 1 -T 3 -D rows="${1#measure_}" -D round="$3" -f "$work/$2.bench" "$1" 2>&1 |
        awk '/^latency average/ { printf "%.0f\n", $4 * 1000 }'
}

cat > "$work/reserve.bench" <<'SQL'
\set n random(1, :rows)
select * from messaging.reserve_message('c', concat_ws('-', :round::text, :n::text, random()), (left(md5('u'), 8) || '-0000-4000-8000-' || lpad((:n::int % (:rows::int / 100))::text, 12, '0'))::uuid, 1000000, 'sms', '+201012345678', 'x', null, null, '{}');
SQL
cat > "$work/record.bench" <<'SQL'
\set n random(1, :rows)
select * from messaging.record_status(null, 'SM' || md5('s' || :n), (array['sent', 'delivered', 'read', 'sending'])[1 + :n % 4], null, null, '{"ApiVersion": "2010-04-01"}', null);
SQL
cat > "$work/unsettled.bench" <<'SQL'
select count(*) from messaging.unsettled_messages('12 hours', null, null, 100);
SQL
for rows in 10000 1000000; do
    fresh_database measure_$rows
    psql -XAtq -d measure_$rows -v rows=$rows -f "$root/tests/sql/generate.sql"
done
# Turn by turn, and the best of five, so that whatever else the machine does meets both alike.
for round in 1 2 3 4 5; do
    for what in reserve record unsettled; do
        for rows in 10000 1000000; do
            time_of measure_$rows $what $round >> "$work/$what.$rows"
        done
    done
done
echo "microseconds a call     10,000 rows  1,000,000 rows  ratio"
for what in reserve record unsettled; do
    echo "$what $(sort -n "$work/$what.10000" | head -n 1) $(sort -n "$work/$what.1000000" | head -n 1)" |
        awk '{ printf "%-22s %12d %15d %6.2f\n", $1, $2, $3, $3 / $2 }'
done

for shape in 2 4 5; do
    db=measure_old
    starting_point $db $shape 200000 0
    begun=$(date +%s%N)
    migrate $db > "$work/migrate"
    echo "migration of 200,000 old rows and 100,000 of message_logs, starting point $shape: $(($(date +%s%N) / 1000000 - begun / 1000000)) ms"
    grep -o 'whatsapp_messages: [0-9]* rows.*' "$work/migrate"
done
