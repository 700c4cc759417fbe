# The release before, commit 3114e0e, whose programs and schema meet ours while hosts are upgraded one by
# one; sourced after lib.sh.
#
#   former_sources DIR     its sources, from the history; where that does not reach so far, or is not
#                          here, the test is skipped, and says so
#   former_build           its programs, in $former_directory/built, made once
#   former_schema          the database has that one's schema, and is empty
#   verb NAME OPTION...    runs a program for its verb; $output is what it says, $code its exit status
#
# shellcheck shell=sh disable=SC2034,SC2154 # lib.sh's variables

former=3114e0e
former_directory=$build/former

former_sources()
{
    mkdir -p "$1"
    git -c safe.directory="$root" -C "$root" archive "$former" 2>/dev/null | tar -xf - -C "$1" 2>/dev/null
    [ ! -f "$1/CMakeLists.txt" ] || return 0
    echo "the history here does not have commit $former, the release before: not tried"
    exit 77
}

former_build()
{
    mkdir -p "$former_directory"
    # Two tests may come here at once; what is started must not keep the lock.
    {
        flock 8 || exit 1
        [ -d "$former_directory/built/" ] || former_make 8>&-
    } 8>>"$former_directory/lock"
}

former_make()
{
    former_sources "$former_directory"
    {
        cmake -S "$former_directory" -B "$former_directory/build" -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Debug &&
            cmake --build "$former_directory/build" --parallel 2
    } >"$former_directory/log" 2>&1 || { tail -n 30 "$former_directory/log"; exit 1; }
    ln -s build/cgi-bin "$former_directory/built"
}

former_schema()
{
    psql -X -q -d postgres -c 'drop database twilio_cgi' -c 'create database twilio_cgi' || exit 1
    for file in standalone migrate; do
        sql -f "$former_directory/sql/$file.sql" >"$work/migration.log" 2>&1 ||
            { cat "$work/migration.log"; exit 1; }
    done
    sql -c "insert into profiles (id) values ('$user'), ('$other_user');
        insert into maintenance_requests (id, created_by) values ('$maintenance_request', '$user');"
}

verb()
{
    program=$1
    shift
    # shellcheck disable=SC2086 # a command and its arguments
    sh -c "$settings_then" "$settings_file" $program_wrapper "$work/cgi-bin/$program" "$@" \
        >"$work/output" 2>&1 </dev/null
    code=$?
    output=$(cat "$work/output")
}

spooled() { find "$work/spool" -type f -name '*.json' ! -path '*/bad/*' | wc -l | tr -d ' '; }
aside() { find "$work/spool/bad" -type f 2>/dev/null | wc -l | tr -d ' '; }
