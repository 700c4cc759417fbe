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

# A database of its own, made anew from the migrated one.
fresh_database() {
    psql -XAtq -d postgres -c "drop database if exists $1" -c "create database $1 template messaging_template" 2> /dev/null
}

# A database as it was before the migration: DATABASE SHAPE ROWS READERS; belongs to app_owner, who is
# no superuser.
starting_point() {
    psql -XAtq -d postgres -c "drop database if exists $1" \
        -c "create database $1 template neighbours_template owner app_owner" 2> /dev/null
    psql -XAtq -d "$1" -U app_owner -v shape="$2" -v rows="$3" -v readers="$4" \
        -f "$root/tests/sql/starting_point.sql" > /dev/null
}

migrate() {
    psql -X -d "$1" -U "${2:-app_owner}" -f "$root/sql/migrate.sql" 2>&1
}

schema_of() {
    pg_dump --schema-only -d "$1" | grep -v -e '^\\restrict' -e '^\\unrestrict'
}
