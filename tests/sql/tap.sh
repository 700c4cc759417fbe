# TAP from the shell, for the tests that need several connections; sourced.
tap_count=0
tap_failed=0

# is NAME GOT WANTED
is() {
    tap_count=$((tap_count + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $tap_count - $1"
    else
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_count - $1"
        printf '%s\n' "$2" | sed 's/^/#   have: /' | head -n 20
        printf '%s\n' "$3" | sed 's/^/#   want: /' | head -n 20
    fi
}

# matches NAME GOT PATTERN (of case)
matches() {
    # shellcheck disable=SC2254  # the pattern is to be one
    case $2 in
    $3) is "$1" ok ok ;;
    *) is "$1" "$2" "$3" ;;
    esac
}

done_testing() {
    echo "1..$tap_count"
    [ "$tap_failed" -eq 0 ]
}

# One value, from the database $db.
value() {
    psql -XAtq -d "$db" -c "$1"
}

# A transaction that has done this, and stands: hold SQL. What it said is in $work/held.
hold() {
    mkfifo "$work/hold"
    psql -XAtq -d "$db" < "$work/hold" > "$work/held" 2>&1 &
    holder=$!
    exec 9> "$work/hold"
    printf "begin;\n%s;\nset local application_name = 'stands';\n" "$1" >&9
    until [ "$(value "select count(*) from pg_stat_activity where datname = '$db' and (application_name = 'stands' or state like '%(aborted)')")" = 1 ]; do
        kill -0 $holder 2> /dev/null || break
        sleep 0.02
    done
    [ "$(value "select count(*) from pg_stat_activity where datname = '$db' and application_name = 'stands'")" = 1 ] ||
        echo "ERROR:  no transaction stands: $(cat "$work/held")" >&2
}

# It ends: let_go commit|rollback.
let_go() {
    printf '%s;\n\\q\n' "$1" >&9
    exec 9>&-
    wait "$holder"
    rm "$work/hold"
}

# Until so many wait for what it has, or who was started last has ended: waiters N.
waiters() {
    until [ "$(value "select count(*) from pg_stat_activity where datname = '$db' and wait_event_type = 'Lock'")" = "$1" ]; do
        kill -0 $! 2> /dev/null || break
        sleep 0.02
    done
}

# Who waits for it, until it ends: behind NAME SQL [END]. What he said is in $work/behind.
behind() {
    psql -XAtq -d "$db" -c "$2" > "$work/behind" 2>&1 &
    behind=$!
    waiters 1
    is "$1" "$(kill -0 "$behind" 2> /dev/null && echo waits)" waits
    let_go "${3:-commit}"
    wait "$behind"
}

# A database of its own, made anew from the migrated one.
fresh_database() {
    psql -XAtq -d postgres -c "drop database if exists $1" -c "create database $1 template messaging_template" 2> /dev/null
}

# A database as it was before the migration: DATABASE SHAPE ROWS READERS [OWNER]; belongs to app_owner, or
# OWNER, who is no superuser.
starting_point() {
    psql -XAtq -d postgres -c "drop database if exists $1" \
        -c "create database $1 template neighbours_template owner ${5:-app_owner}" 2> /dev/null
    psql -XAtq -d "$1" -U "${5:-app_owner}" -v shape="$2" -v rows="$3" -v readers="$4" \
        -f "$root/tests/sql/starting_point.sql" > /dev/null
}

migrate() {
    psql -X -d "$1" -U "${2:-app_owner}" -f "$root/sql/migrate.sql" 2>&1
}

# pg_dump refuses a server that is newer than itself: of such a one schema.sql tells. Of the options those
# that are used here.
pg_dump() {
    if [ "$(command pg_dump --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge \
        "$(($(psql -XAtq -d postgres -c 'show server_version_num') / 10000))" ]; then
        command pg_dump "$@"
        return
    fi
    dump_schema='' dump_relation='' dump_without=''
    while [ $# -gt 0 ]; do
        case $1 in
        --schema-only) ;;
        -n) dump_schema=$2 && shift ;;
        -t) dump_relation=$2 && shift ;;
        -T) dump_without=$2 && shift ;;
        -d) dump_database=$2 && shift ;;
        *) echo "pg_dump: $1 is not known here" && return 1 ;;
        esac
        shift
    done
    psql -XAtq -v ON_ERROR_STOP=1 -v schema="$dump_schema" -v relation="$dump_relation" \
        -v without="$dump_without" -d "$dump_database" -f "$root/tests/sql/schema.sql"
}

# The whole schema; and what is ours in it, which is the same at every starting point: the schema messaging,
# the view (unless VIEW is no), and of message_logs what any of them has: ours_in DATABASE [VIEW].
schema_of() {
    pg_dump --schema-only -d "$1" | grep -v -e '^\\restrict' -e '^\\unrestrict'
}

ours_in() {
    {
        pg_dump --schema-only -n messaging -T messaging.whatsapp_messages_legacy -d "$1"
        [ "${2:-}" = no ] || pg_dump --schema-only -t public.whatsapp_messages -d "$1"
    } | grep -v -e '^\\restrict' -e '^\\unrestrict'
    psql -XAtq -d "$1" <<-'SQL'
	select attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) from pg_attribute
	where attrelid = 'message_logs'::regclass and attnum > 0 and not attisdropped
	  and attname not in ('channel', 'notification_stage', 'retry_count') order by attname;
	select polrelid::regclass, polname, polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
	from pg_policy where polname like 'messaging: %' and polname <> 'messaging: staff count retries' and polrelid is distinct from to_regclass('messaging.whatsapp_messages_legacy') order by polrelid::regclass::text, polname;
	select pg_get_triggerdef(oid) from pg_trigger where tgrelid = 'message_logs'::regclass and tgname like 'messaging%' and tgname <> 'messaging_stage' order by tgname;
	select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'message_logs'::regclass and contype = 'f' order by conname;
	select c.oid::regclass, x.grantee::regrole, x.privilege_type, relrowsecurity from pg_class c, aclexplode(relacl) as x
	where c.oid in ('message_logs'::regclass, 'maintenance_requests'::regclass, 'user_roles'::regclass, 'notifications'::regclass)
	  and (c.relname = 'message_logs' or x.grantee = 'messaging_owner'::regrole) and x.grantee <> c.relowner order by 1, 2, 3;
	select attrelid::regclass, attname, attacl from pg_attribute where attacl::text like '%messaging_owner%' order by 1, 2;
	SQL
}
