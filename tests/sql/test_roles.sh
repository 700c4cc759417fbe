# Who may migrate where the roles are there already, which another database's owner has made: with the rights
# that are asked for, and no others, it works. Role other_owner is this test's alone.
. "$root/tests/sql/tap.sh"
db=roles
version=$(($(psql -XAtq -d postgres -c 'show server_version_num') / 10000))
postgres() { psql -XAtq -v ON_ERROR_STOP=1 -d "${2:-postgres}" -c 'set client_min_messages = error' -c "$1" 2>&1; }

# as_owner SQL: a database that other_owner, who was granted nothing before, is to migrate
as_owner() {
    starting_point $db 2 20 0 other_owner
    postgres 'revoke messaging_owner from other_owner cascade'
    postgres 'revoke twilio_cgi from other_owner cascade'
    postgres 'alter role other_owner createrole inherit'
    postgres "$1"
    said=$(migrate $db other_owner)
    status=$?
}
# refused NAME SQL PATTERN: and what the refusal says mends it
refused() {
    as_owner "$2"
    is "$1: exit status" $status 3
    matches "$1: says so" "$said" "psql:$root/sql/migrations/20261102080000_check_starting_point.sql:*: ERROR:  $3"
    is "$1: in one line" "$(printf '%s\n' "$said" | wc -l | tr -d ' ')" 1
    is "$1: no schema" "$(value "select to_regclass('messaging.schema_migrations')")" ''
    is "$1: mended as told" "$(postgres "$(printf '%s' "${said##*: let a superuser }" | sed 's/^run //')")" ''
    said=$(migrate $db other_owner)
    is "$1: then it works" $? 0
}
# works NAME SQL
works() {
    as_owner "$2"
    is "$1: works" $status 0
    is "$1: and again" "$(migrate $db other_owner | grep -v 'may not give twilio_cgi a password')" \
        "the messaging schema is at version $(value 'select messaging.schema_version()')"
}

member='role other_owner is no member of messaging_owner, to whom the functions go'
if [ "$version" -lt 16 ]; then
    refused 'no member, who may make no roles' 'alter role other_owner nocreaterole' \
        "$member: let a superuser grant messaging_owner to other_owner"
    refused 'inherits nothing' 'alter role other_owner noinherit' \
        'role other_owner does not inherit the rights of messaging_owner, to whom the functions go: let a superuser run alter role other_owner inherit'
    works 'who may make roles' 'select'
    password='alter role other_owner createrole'
else
    for options in '' 'inherit false' 'set false' 'inherit false, set false'; do
        refused "a member, ${options:-but none}" "${options:+grant messaging_owner to other_owner with $options}" \
            "$member, or one without its rights: let a superuser grant messaging_owner to other_owner with inherit true, set true"
    done
    works 'who may grant' 'alter role other_owner nocreaterole noinherit; grant messaging_owner to other_owner with admin true, inherit false, set false'
    password='alter role other_owner createrole; grant twilio_cgi to other_owner with admin option'
fi

# The password of twilio_cgi.
as_owner 'alter role other_owner nocreaterole; grant messaging_owner to other_owner'
matches 'who may not set the password is told' "$said" \
    "*WARNING:  role other_owner may not give twilio_cgi a password: let a superuser do so, or run $password*"
matches 'and may not' "$(psql -XAtq -d $db -U other_owner -c 'alter role twilio_cgi password null' 2>&1)" 'ERROR:  *'
postgres "$password"
is 'what it says mends it' "$(psql -XAtq -d $db -U other_owner -c 'alter role twilio_cgi password null' 2>&1; migrate $db other_owner)" \
    "the messaging schema is at version $(value 'select messaging.schema_version()')"
is 'who has made it may' "$(psql -XAtq -d messaging_template -U app_owner -c 'alter role twilio_cgi password null' 2>&1)" ''

# Limits that the role or the database has for the application do not end a run that waits for another.
limits='-c statement_timeout=1000 -c lock_timeout=1000 -c idle_in_transaction_session_timeout=1000'
[ "$version" -lt 17 ] || limits="$limits -c transaction_timeout=1000"
for file in migrate drop-legacy; do
    hold "select pg_advisory_xact_lock(hashtextextended('messaging.migrate', 0))"
    PGOPTIONS=$limits psql -X -d $db -U other_owner -f "$root/sql/$file.sql" > "$work/$file" 2>&1 &
    waits=$!
    until [ "$(value "select count(*) from pg_stat_activity where datname = '$db' and wait_event_type = 'Lock' and clock_timestamp() - query_start > interval '2 s'")" = 1 ]; do
        kill -0 $waits 2> /dev/null || break
        sleep 0.1
    done
    let_go rollback
    wait $waits
    is "$file: no limit ends it" "$? $(grep -E 'ERROR|FATAL' "$work/$file")" '0 '
done
done_testing
