#!/bin/sh
# Writes what migrate.sql does into DIR (a project's supabase/migrations, say) as timestamped files of plain
# SQL for Supabase's own tool, which applies those it has not applied yet in the order of their names, each
# in a transaction of its own.
#
#   sh sql/supabase.sh DIR
#
# Each version of the schema has files of its own, named after it. They take any database that migrate.sql
# takes, and the two may take turns: the ledger is one. The first file looks whether the database can be
# migrated, and changes nothing. All the rest is one file, so that nobody meets the half of it: neither who
# writes to whatsapp_messages at that moment, nor who has to mend what stood in the way.
set -eu
sql=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || {
    echo 'usage: sh sql/supabase.sh DIR' >&2
    exit 2
}
version=$(sed -n "s/^insert into messaging.schema_migrations .*'\([0-9]\{12\}00\)'.*/\1/p" "$sql/schema/version.sql")
[ -n "$version" ] || {
    echo "supabase.sh: no version in $sql/schema/version.sql" >&2
    exit 1
}
mkdir -p "$1"

# A file of migrations/, for a database that has not had it.
once() {
    cat <<-SQL
	do \$once\$
	begin
	    if pg_temp.pending('$1') then
	        perform set_config('client_min_messages', 'notice', true);
	        execute \$migration\$
	SQL
    cat "$sql/migrations/$1.sql"
    cat <<-SQL
	\$migration\$;
	        perform set_config('client_min_messages', 'warning', true);
	        insert into messaging.schema_migrations (version) values (left('$1', 14));
	    end if;
	end
	\$once\$;
	SQL
}

# What migrate.sql lists, in its order: a file's name, or "once" and a migration's.
listed() {
    sed -n -e 's,^\\ir \(.*/.*\),\1,p' -e 's,^\\set migration \([^ ]*\) \\ir once.sql$,once \1,p' "$sql/migrate.sql"
}

{
    echo '-- Written by sql/supabase.sh of twilio-cgi; not to be edited.'
    cat "$sql/prepare.sql"
} > "$1/$version"_messaging_check_starting_point.sql
cp "$1/$version"_messaging_check_starting_point.sql "$1/$((version + 1))"_messaging_schema.sql
listed | while read -r first second; do
    case $first in
    once) once "$second" >> "$1/$((version + 1))"_messaging_schema.sql ;;
    migrations/*) cat "$sql/$first" >> "$1/$version"_messaging_check_starting_point.sql ;;
    *) cat "$sql/$first" >> "$1/$((version + 1))"_messaging_schema.sql ;;
    esac
done
