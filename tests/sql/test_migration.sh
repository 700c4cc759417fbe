# Every starting point with data: once, twice, twice at once; what arrived, and what others still read.
. "$root/tests/sql/tap.sh"

for shape in 1 2 3 4 5 6; do
    db=migration_$shape
    starting_point "$db" "$shape" 3000 $((shape == 3))
    psql -XAtq -d postgres -c "drop database if exists ${db}_twice" -c "create database ${db}_twice template $db owner app_owner" 2> /dev/null

    migrate "$db" > "$work/first"
    is "shape $shape: the migration works" $? 0
    if [ "$shape" -gt 1 ]; then
        psql -XAtq -d "$db" -v shape=$shape -v rows=3000 -f "$root/tests/sql/check_migration.sql" > "$work/check" 2>&1
        is "shape $shape: everything arrived" "$(grep -v -e '^ok ' -e '^1\.\.' "$work/check")" ''
        matches "shape $shape: the checks ran" "$(tail -n 1 "$work/check")" '1..[5-8]?'
        matches "shape $shape: it tells of the double SIDs" "$(cat "$work/first")" \
            '*30 message_logs rows had the SID of an older one*SM00000000000000000000000000989684*'
        [ "$shape" = 6 ] || matches "shape $shape: and of the senders" "$(cat "$work/first")" \
            '*messages have a sender without a profile*7b774eff-0000-4000-8000-000000000051*'
    fi
    schema_of "$db" > "$work/once.sql"
    # Where the view's name is Meta's there is none.
    view=$([ "$shape" = 6 ] && echo no || echo yes)
    ours_in "$db" $view > "$work/ours_$shape.sql"
    ours_in migration_1 $view > "$work/ours_wanted.sql"
    is "shape $shape: ends where the others do" "$(diff "$work/ours_wanted.sql" "$work/ours_$shape.sql")" ''
    value 'select md5(string_agg(m::text, chr(10) order by id)) from message_logs m' > "$work/rows"

    psql -XAtq -d "$db" -U app_owner -c "delete from messaging.staff_roles where role = 'staff'" \
        -c "insert into messaging.staff_roles values ('finance')" -c "insert into messaging.failure_readers values ('owner')"
    second=$(migrate "$db")
    is "shape $shape: a second run works" $? 0
    is "shape $shape: and has nothing to do" "$second" "the messaging schema is at version $(value 'select messaging.schema_version()')"
    schema_of "$db" > "$work/again.sql"
    is "shape $shape: who is staff the operator has decided" "$(value "select string_agg(role, ' ' order by role) from (table messaging.staff_roles union all table messaging.failure_readers) as r")" 'admin finance manager owner owner'
    is "shape $shape: same schema" "$(diff "$work/once.sql" "$work/again.sql")" ''
    is "shape $shape: same rows" "$(value 'select md5(string_agg(m::text, chr(10) order by id)) from message_logs m')" "$(cat "$work/rows")"

    migrate "${db}_twice" > "$work/left" &
    left=$!
    migrate "${db}_twice" > "$work/right" &
    wait $left
    is "shape $shape: two at once, one works" $? 0
    wait $!
    is "shape $shape: and the other" $? 0
    schema_of "${db}_twice" > "$work/twice.sql"
    is "shape $shape: same schema as once" "$(diff "$work/once.sql" "$work/twice.sql")" ''
    db=${db}_twice
    is "shape $shape: same rows as once" "$(value 'select md5(string_agg(m::text, chr(10) order by id)) from message_logs m')" "$(cat "$work/rows")"
done

# Where everything is as it should be a run waits for nobody who is about to write, nor they for it.
db=migration_1
hold "select from messaging.reserve_message('c', 'k', null, null, 'whatsapp', '+201012345678', 'x', null, null, '{}', '00000000-0000-4000-8000-000000000001');
    select from messaging.record_status('00000000-0000-4000-8000-000000000001', 'SM1', 'failed', '30003', null, '{}', null);
    set role service_role; update whatsapp_messages set status = 'read'; reset role;
    select from notifications; select from user_roles; select from maintenance_requests"
is 'a run beside somebody who writes' "$(migrate $db)" \
    "the messaging schema is at version $(value 'select messaging.schema_version()')"
let_go rollback

# Each thing is defined once.
defined() {
    cat "$root"/sql/*.sql "$root"/sql/schema/*.sql "$root"/sql/migrations/*.sql | tr '\n' ' ' |
        grep -oE 'create (or replace )?(temporary )?(function|procedure|view|table|policy|trigger) (if not exists )?("[^"]*" on |[a-z_]+ [a-z ]* on )?[a-z_]+\.[a-z_]+' |
        sed -e 's/or replace //' -e 's/if not exists //'
}
is 'each function, view, table, policy and trigger is defined once' "$(defined | sort | uniq -d)" ''
is 'and no function but these is there' "$(db=migration_1 value "select 'function messaging.' || proname from pg_proc where pronamespace = 'messaging'::regnamespace order by 1")" \
    "$(defined | grep '^create function messaging' | sed 's/^create //' | sort)"

# The list in migrate.sql has every file once, and the ledger every migration.
is 'every file is in migrate.sql' \
    "$(sed -n 's,^.ir \([sm].*/.*\),\1,p; s,^.set migration \([^ ]*\) .ir once.sql,migrations/\1.sql,p' "$root/sql/migrate.sql" | sort)" \
    "$(cd "$root/sql" && ls migrations/*.sql schema/*.sql | sort)"
version=$(sed -n "s/.*values ('\([0-9]\{14\}\)').*/\1/p" "$root/sql/schema/version.sql")
is 'every migration in the ledger' "$(db=migration_1 value 'select version from messaging.schema_migrations order by 1')" \
    "$(sed -n 's/^.set migration \(.\{14\}\).*/\1/p' "$root/sql/migrate.sql" | sort && echo "$version")"
is 'the version is that of version.sql' "$(db=migration_1 value 'select messaging.schema_version()')" "$version"

# A rehearsal tells everything and does nothing.
db=migration_rehearsed
starting_point $db 3 100 1
schema_of $db > "$work/before.sql"
said=$(psql -X -d $db -U app_owner -v rehearse=1 -f "$root/sql/migrate.sql" 2>&1)
is 'a rehearsal works' $? 0
matches 'and tells what would happen' "$said" \
    "*whatsapp_messages: 100 rows, 100 moved*trigger counted*would be at version $version; nothing has been changed"
schema_of $db > "$work/after.sql"
is 'the schema is as it was' "$(diff "$work/before.sql" "$work/after.sql")" ''
is 'and the rows' "$(value 'select count(*) from (table message_logs except table before.message_logs) as d'),$(value 'select count(*) from whatsapp_messages')" 0,100

# Others that read the old table go on reading the frozen one, with the rights they had.
db=migration_3
is "others' view" "$(value 'select sum(count) from whatsapp_by_day')" 3000
is "others' function" "$(value 'select whatsapp_count()')" 3000
is "others' policy" "$(psql -XAtq -d $db <<'SQL'
begin;
set local role authenticated;
select set_config('request.jwt.claims', '{"sub": "7b774eff-0000-4000-8000-000000000004"}', true) is null;
select id from campaigns;
SQL
)" 'f
1'
starting_point migration_named 3 100 1
psql -XAtq -d migration_named -U app_owner <<'SQL'
create function public.audit() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger audits after insert on public.whatsapp_messages for each row execute function public.audit();
SQL
matches 'are named' "$(migrate migration_named | tee "$work/named")" \
    '*still reading the old table*constraint campaigns_message_fkey*function public.whatsapp_count()*policy with own messages*view public.whatsapp_by_day*'
matches 'and its triggers that somebody may miss' "$(cat "$work/named")" '*trigger audits of whatsapp_messages is dropped: let what public.audit() does be*'
matches "and triggers that need rights" "$(cat "$work/named")" '*trigger counted of public.message_logs does more than look at its row: make public.count_call() security definer*'
matches 'to read too' "$(cat "$work/named")" '*trigger looks_up of public.message_logs does more than look at its row: make public.look_up() security definer*'
matches "and policies that narrow the functions" "$(cat "$work/named")" '*policy "only today" of public.maintenance_requests is restrictive and holds for messaging_owner too: alter policy "only today" on public.maintenance_requests to authenticated*'
is 'not those of others' "$(grep -c 'only now' "$work/named")" 0
matches 'and find their tables' "$(cat "$work/named")" '*trigger looks_up of public.message_logs may name what it does not find: alter function public.look_up() set search_path = public, pg_temp*'
matches 'and that no message can be sent with them' "$(cat "$work/named")" '*no message will be sent, an insert into message_logs or an update of it fails: permission denied for table trigger_calls*'
is 'failures can be announced' "$(grep -c 'will not be announced' "$work/named")" 0
is 'not those that compare' "$(grep -c -e 'trigger compares' -e 'trigger touch' "$work/named")" 0
done_testing
