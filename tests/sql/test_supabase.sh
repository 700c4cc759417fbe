# The files for Supabase's own tool, applied as it does, bring every starting point to the same end.
. "$root/tests/sql/tap.sh"

rm -rf "$work/migrations"
sh "$root/sql/supabase.sh" "$work/migrations"
is 'the files are written' $? 0
is 'with names that are timestamps' "$(cd "$work/migrations" && ls | grep -v -x '[0-9]\{14\}_[a-z_]*\.sql')" ''
is 'all different' "$(cd "$work/migrations" && ls | cut -c 1-14 | sort | uniq -d)" ''
is 'in plain SQL' "$(grep -h '^ *\\' "$work"/migrations/*)" ''
(cd "$work/migrations" && cksum -- *) > "$work/first"
sh "$root/sql/supabase.sh" "$work/migrations"
is 'and again the same' "$(cd "$work/migrations" && cksum -- * | diff "$work/first" -)" ''
is 'without a folder it says how' "$(sh "$root/sql/supabase.sh" 2>&1)" 'usage: sh sql/supabase.sh DIR'

# Each in a transaction, and a session, of its own.
apply() {
    for file in "$work"/migrations/*; do
        psql -XAtq -1 -v ON_ERROR_STOP=1 -d "$1" -U "${2:-app_owner}" -f "$file" 2>&1 > /dev/null || {
            echo "${file##*/}: exit status $?"
            break
        }
    done
}
starting_point supabase_ours 1 0 0
migrate supabase_ours > /dev/null
for shape in 1 2 3 4 5 6; do
    # Where the view's name is Meta's there is none.
    view=$([ $shape = 6 ] && echo no || echo yes)
    ours_in supabase_ours $view > "$work/ours.sql"
    db=supabase_$shape
    starting_point $db $shape 1000 0
    apply $db > "$work/said"
    is "shape $shape: applied" "$(grep -e ERROR -e 'exit status' "$work/said")" ''
    if [ $shape -gt 1 ]; then
        [ $shape = 6 ] || matches "shape $shape: tells what it found" "$(cat "$work/said")" '*whatsapp_messages: 1000 rows*'
        psql -XAtq -d $db -v shape=$shape -v rows=1000 -f "$root/tests/sql/check_migration.sql" > "$work/check" 2>&1
        is "shape $shape: everything arrived" "$(grep -v -e '^ok ' -e '^1\.\.' "$work/check")" ''
    fi
    ours_in $db $view > "$work/files.sql"
    is "shape $shape: ends where migrate.sql does" "$(diff "$work/ours.sql" "$work/files.sql")" ''
    is "shape $shape: which then has nothing to do" "$(migrate $db)" "the messaging schema is at version $(value 'select messaging.schema_version()')"
    is "shape $shape: nor have they" "$(apply $db)" ''
    ours_in $db $view > "$work/files.sql"
    is "shape $shape: where it was" "$(diff "$work/ours.sql" "$work/files.sql")" ''
done

# One that was migrated before; and one that is refused, of which nothing is changed.
for db in supabase_former supabase_new; do
    psql -XAtq -d postgres -c "drop database if exists $db" -c "create database $db" 2> /dev/null
    psql -XAtq -d $db -f "$root/sql/standalone.sql"
done
migrate $db postgres > /dev/null
schema_of $db > "$work/new.sql"
psql -XAtq -d supabase_former -f "$root/tests/sql/former_schema.sql" > /dev/null
is 'a former schema: applied' "$(apply supabase_former postgres)" ''
schema_of supabase_former > "$work/former.sql"
is 'a former schema: as a new one' "$(diff "$work/new.sql" "$work/former.sql")" ''
starting_point supabase_refused 2 20 0
psql -XAtq -d supabase_refused -c 'alter table notifications drop column title'
schema_of supabase_refused > "$work/before.sql"
matches 'a database that cannot be: refused' "$(apply supabase_refused)" '*column notifications.title is missing*check_starting_point.sql: exit status 3*'
schema_of supabase_refused > "$work/after.sql"
is 'a database that cannot be: nothing changed' "$(diff "$work/before.sql" "$work/after.sql")" ''
done_testing
