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

# Microseconds of a call on a kept connection, the median of three runs of 4 seconds
time_of() {
    for round in 1 2 3; do
        pgbench -U twilio_cgi -d "$db" -n -M prepared -c 1 -T 4 -D rows="$rows" -D round="$round$3" -f "$work/$2.bench" 2>&1 |
            awk '/^latency average/ { printf "%.0f\n", $4 * 1000 }'
    done | sort -n | sed -n 2p
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
    db=measure_$rows
    fresh_database "$db"
    psql -XAtq -d "$db" -v rows="$rows" -f "$root/tests/sql/generate.sql"
    for what in reserve record unsettled; do
        eval "${what}_$rows=$(time_of "$db" $what $rows)"
    done
done
echo "microseconds a call     10,000 rows  1,000,000 rows  ratio"
for what in reserve record unsettled; do
    eval "small=\$${what}_10000 large=\$${what}_1000000"
    echo "$what $small $large" | awk '{ printf "%-22s %12d %15d %6.2f\n", $1, $2, $3, $3 / $2 }'
done

for shape in 2 4; do
    db=measure_old
    starting_point $db $shape 200000 0
    begun=$(date +%s%N)
    migrate $db > "$work/migrate"
    echo "migration of 200,000 old rows and 100,000 of message_logs, starting point $shape: $(($(date +%s%N) / 1000000 - begun / 1000000)) ms"
    grep -o 'whatsapp_messages: [0-9]* rows.*' "$work/migrate"
done
