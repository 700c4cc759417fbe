# Bytes a message, all tables and indexes, after messages have come and gone their way as in use.
#   MESSAGES=20000 FORMER=OTHER run.sh DIR test_bytes.sh    against OTHER/sql, another commit's; by itself on DIR
. "$root/tests/sql/tap.sh"
rows=${MESSAGES:-1000}

# bytes_of DATABASE: each table and index, and the sum
bytes_of() {
    psql -XAtq -d "$1" -v messages="$rows" -f "$root/tests/sql/life.sql" > /dev/null
    psql -XAtq -F ' ' -d "$1" -v messages="$rows" -f "$root/tests/sql/bytes.sql" | tee "$work/$1"
}

fresh_database bytes
bytes_of bytes | sed 's/^/# /'
db=bytes
is 'each message has been read, or is delivered' "$(value "select count(*) from message_logs where status in ('delivered', 'read')")" \
    "$((rows - 70))"
is 'with its events' "$(value 'select count(*) from messaging.message_status_events')" "$((3 * rows - 150))"
# About 1860 of the first 1000, who have the last page of each table and index to themselves. Of message_logs
# its rows: how soon its pages have room again depends on who else is at work on the server; so does, by less,
# how many there are of the others.
sum=$(awk '$1 != "message_logs" { sum += $3 } END { print sum }' "$work/bytes")
is 'what stands beside a message takes no more than 2200 bytes' "$([ "$sum" -le 2200 ] && echo no more || echo "$sum")" 'no more'
is 'its row no more than 640' "$(value 'select greatest(avg(pg_column_size(m)), 640)::integer from message_logs m')" 640

if [ -n "${FORMER:-}" ]; then
    psql -XAtq -d postgres -c 'drop database if exists bytes_former' -c 'create database bytes_former' 2> /dev/null
    psql -XAtq -d bytes_former -f "$FORMER/sql/standalone.sql"
    psql -XAtq -d bytes_former -f "$FORMER/sql/migrate.sql" > /dev/null
    bytes_of bytes_former | sed 's/^/# former: /'
    sum=$(awk '{ sum += $3 } END { print sum }' "$work/bytes")
    former=$(awk '{ sum += $3 } END { print sum }' "$work/bytes_former")
    is "$sum of $former bytes: no more than 0.6" "$([ $((10 * sum)) -le $((6 * former)) ] && echo no more || echo more)" 'no more'
fi
done_testing
