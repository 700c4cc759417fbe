#!/bin/sh
# A server's dump, restored in an empty cluster by the commands of twilio-cgi-database(7), while the
# programs go on: what they are told meanwhile waits, and nothing is lost or sent twice. The new cluster is
# of the version that POSTGRES_BIN names, the old one of the system's.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
new_bin=${POSTGRES_BIN:-}
unset POSTGRES_BIN
begin
page=$root/cgi-bin/twilio-cgi-database.7
json='Content-Type: application/json'
old_host=$PGHOST DUMPS=$work/dumps
mkdir "$DUMPS"

# commands SUBSECTION: those of the page
commands()
{
    sed -n "/^\.Ss $1\$/,/^\.S[sh] /{ /^\.Bd/,/^\.Ed/p; }" "$page" | sed -e '/^\.[BE]d/d' -e 's/\\e/\\/g'
}
# follow SUBSECTION: its commands succeed
follow()
{
    commands "$1" >"$work/commands"
    [ -s "$work/commands" ] || complain "the page's commands" "$1" nothing
    ( cd "$root" && OWNER=dbname=twilio_cgi NEW=dbname=twilio_cgi DUMPS=$DUMPS sh -eu "$work/commands" ) \
        >"$work/output" 2>&1 || complain "$1" success "$(cat "$work/output")"
}
verb()
{
    "$work/run" "$work/cgi-bin/$1" "$2" ${3:+"$3" "$4"} >"$work/output" 2>&1 </dev/null
    equals "exit status of $*" 0 $?
}
spooled() { find "$work/spool" -type f -name '*.json' | wc -l | tr -d ' '; }
rows()
{
    for table in $(sql -c "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname in ('public', 'messaging', 'auth') order by 1"); do
        sql -c "select '$table', count(*), md5(string_agg(t::text, chr(10) order by t::text)) from $table t"
    done
}
# To the letter, where the versions are one.
schema()
{
    schema_told
    [ -n "$new_bin" ] || pg_dump -d "$(conninfo postgres)" --schema-only | grep -v -e '^\\restrict' -e '^\\unrestrict'
}
roles() { psql -XAtq -d postgres -c "select rolname, rolcanlogin, rolbypassrls, rolpassword from pg_authid where rolname !~ '^pg_' order by 1"; }

# A row in every state, by the functions themselves, and what follows from them.
sql <<SQL >"$work/output" || exit 1
select messaging.settle_message(r.id, 'SM' || md5(s), s, null, null, '{}', false, null)
from unnest('{accepted,scheduled,queued,sending,sent}'::text[]) as s,
    lateral messaging.reserve_message('c', null, '$user', null, 'sms', '+201012345678', s, '$maintenance_request', null, '{}') as r;
select messaging.settle_message(r.id, null, 'unknown', null, null, '{}', false, null)
from messaging.reserve_message('c', 'unknown', null, null, 'sms', '+201012345678', 'unknown', null, null, '{}') as r;
select from messaging.reserve_message('c', 'pending', null, null, 'sms', '+201012345678', 'pending', null, null, '{}');
select messaging.record_status((messaging.settle_message(r.id, 'SM' || md5(s), 'queued', null, null, '{}', false, null) ->> 'id')::uuid, 'SM' || md5(s), s, e, null, '{"To": "+201112345678"}', null)
from (values ('canceled', null), ('failed', '30008'), ('undelivered', '30003'), ('delivered', null), ('read', null)) as v (s, e),
    lateral messaging.reserve_message('c', s, '$user', null, 'whatsapp', '+201112345678', s, null, null, '{"fallback": "sms"}') as r;
select messaging.record_status(null, 'SMnobody', 'sent', null, null, '{}', null);
select messaging.forget_recipient('+201212345678') from messaging.reserve_message('c', null, null, null, 'sms', '+201212345678', 'x', null, null, '{}');
insert into messaging.failure_readers values ('manager');
create policy "of the application's" on profiles to authenticated using (true);
grant select on profiles to authenticated;
alter role twilio_cgi password 'secret';
SQL
# shellcheck disable=SC2016 # for the other shell to expand
printf '#!/bin/sh\nset -a\n. "$(cat %s/current)"\nexec "$@"\n' "$work" >"$work/run"
chmod 755 "$work/run"
echo "$settings_file" >"$work/current"

it "the README's commands are the page's"
sed -n '/^\*\*Backup/,/^`man/s/^p/p/p' "$root/README.md" | sed 's/  *#.*//' >"$work/commands"
equals 'how many' 4 "$(wc -l <"$work/commands" | tr -d ' ')"
equals 'others' '' "$(grep -v -x -F -f "$page" "$work/commands")"

it 'there is something to keep'
post send-twilio-message '{"to":"01012345678","message":"first"}' 'Idempotency-Key: key-1'
answers 200
first=$body
holds "select count(distinct status) from message_logs" 12
holds "select count(*) > 3 from messaging.message_status_events" t
holds "select count(*) > 0 from notifications" t
for _ in 1 2 3 4 5; do post send-whatsapp '{"to":"01012345678","message":"of five"}' "$json" "$(bearer $other_user)"; done
answers 200
# Rows of the future count as now, however long the rest takes.
sql -c "update message_logs set created_at = now() + interval '1 hour' where sender_id = '$other_user'"

it 'its roles go ahead'
follow 'A server to keep'
roles >"$work/old.roles"

it 'without the database callbacks wait in the spool, senders send nothing, and say so'
follow 'To hold the programs'
callback "id=$(printf %s "$first" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')" \
    "MessageSid=$(printf %s "$first" | sed -n 's/.*"messageSid":"\([^"]*\)".*/\1/p')" MessageStatus=delivered To=+201012345678
answers 200
body_has '"message":"Status spooled"'
equals 'files in the spool' 1 "$(spooled)"
post send-twilio-message '{"to":"01012345678","message":"held"}' 'Idempotency-Key: held'
answers 503 database_unavailable
header Retry-After 5
twilio_got_nothing

it 'it is dumped'
follow 'A server to keep'
equals 'modes of the dumps' '600 600' "$(stat -c %a "$DUMPS"/* | paste -s -d ' ')"
commands 'To compare' >"$work/compare.sql"
compared=$(sql -f "$work/compare.sql")
[ "${compared%%|*}" -ge 18 ] || complain 'rows' '18 or more' "$compared"
rows >"$work/old.rows"
schema >"$work/old.schema"
version=$(sql -c 'select max(version) from messaging.schema_migrations')

it 'and restored elsewhere: schema and rows are what they were'
POSTGRES_BIN=$new_bin cluster_start "$work/new" || exit 1
follow 'A server to fill'
grep -v -e 'role "postgres" already exists' -e 'Generating .* optimizer statistics' "$work/output" >"$work/said"
equals 'what it says' "the messaging schema is at version $version" "$(cat "$work/said")"
schema >"$work/new.schema"
rows >"$work/new.rows"
equals 'schema' '' "$(diff "$work/old.schema" "$work/new.schema")"
equals 'rows' '' "$(diff "$work/old.rows" "$work/new.rows")"
equals 'what is compared' "$compared" "$(sql -f "$work/compare.sql")"
holds "select count(*) > 0 from pg_stats where schemaname = 'public' and tablename = 'message_logs'" t
equals 'migrate.sql once more' "the messaging schema is at version $version" "$(sql -f "$root/sql/migrate.sql" 2>&1)"

it 'the roles are what they were, and the programs are let go: all of them are ready'
follow 'To let them go'
roles >"$work/new.roles"
equals 'roles' "$(cat "$work/old.roles")" "$(cat "$work/new.roles")"
settings
echo "$settings_file" >"$work/current"
for program in send-twilio-message send-whatsapp twilio-delivery-status; do verb $program --check; done

it 'what waited is recorded'
verb twilio-delivery-status --drain
equals 'files in the spool' 0 "$(spooled)"
holds "select status from message_logs where message_content = 'first'" delivered

it 'a repetition gets the answer of before, and sends nothing'
post send-twilio-message '{"to":"01012345678","message":"first"}' 'Idempotency-Key: key-1'
answers 200
header Idempotent-Replayed true
equals 'the answers' "$(printf %s "$first" | sed 's/"queued"/"X"/')" "$(printf %s "$body" | sed 's/"queued"/"X"/')"
twilio_got_nothing

it 'the limit counts what was sent before'
post send-whatsapp '{"to":"01012345678","message":"a sixth"}' "$json" "$(bearer $other_user)"
answers 429 rate_limited
it 'what was held goes out now, once'
post send-twilio-message '{"to":"01012345678","message":"held"}' 'Idempotency-Key: held'
answers 200
twilio_got '"Body":"held"'

it 'an event that came before its message finds it'
sql -c "select messaging.settle_message(id, 'SMnobody', 'queued', null, null, '{}', false, null) from messaging.reserve_message('c', null, null, null, 'sms', '+201012345678', 'late', null, null, '{}')" >/dev/null
holds "select status from message_logs where external_id = 'SMnobody'" sent

it 'the reconcile run works'
"$work/run" "$work/cgi-bin/send-twilio-message" --reconcile --older-than 0s >"$work/output" 2>&1 </dev/null
equals 'its exit status' 0 $?

it 'and the table of what is due, the report and the metrics'
verb send-twilio-message --follow-up
verb twilio-delivery-status --report
verb twilio-delivery-status --metrics

cluster_stop "$work/new"
PGHOST=$old_host
finish
