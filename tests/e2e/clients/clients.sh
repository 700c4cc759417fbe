# Running clients in Node; POSIX sh, sourced by the tests that need them.
#
#   install_clients BUILD-DIRECTORY   what package-lock.json lists, once; before lib.sh, which hides
#                                     proxies from what follows
#   know_clients                      tell them of the system under test; after begin
#   client SCRIPT [ARGUMENT...]       run a script of this directory: its cases are this test's
#
# shellcheck shell=sh disable=SC2154,SC2155 # lib.sh's variables; conninfo does not fail

install_clients()
{
    for program in node npm; do
        command -v "$program" >/dev/null || { echo "Bail out! no $program"; exit 1; }
    done
    clients=$(cd "$(dirname "$0")/clients" && pwd -P)
    modules=$1/tests/e2e/clients
    mkdir -p "$modules" || exit 1
    modules=$(cd "$modules" && pwd -P)
    # Two tests may come here at once.
    # shellcheck disable=SC2016 # for the other shell to expand
    if ! flock "$modules/lock" sh -ec 'cd "$1"
        ! cmp -s "$2/package-lock.json" installed || exit 0
        rm -f installed
        cp "$2/package.json" "$2/package-lock.json" "$2/.npmrc" .
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 </dev/null
        cp package-lock.json installed' - "$modules" "$clients"; then
        echo 'Bail out! npm ci failed'
        sed 's/^/# /' "$modules/npm.log"
        exit 1
    fi
    export NODE_PATH="$modules/node_modules"
}

know_clients()
{
    export BASE="$base" TWILIO_URL="$twilio_url" TWILIO_LOG="$work/twilio.log" TWILIO_SID="$sid" \
        TWILIO_TOKEN="$auth_token" JWT_SECRET="$jwt_secret" CONNINFO="$(conninfo postgres)" \
        TEMPLATE="$template" MAINTENANCE_REQUEST="$maintenance_request" WORK="$work"
}

client()
{
    close_case
    script=$1
    shift
    node "$clients/$script" "$@" >"$work/cases" 2>&1
    client_status=$?
    while IFS= read -r line; do
        case $line in
        'ok - '*) cases=$((cases + 1)) line="ok $cases${line#ok}" ;;
        'not ok - '*)
            cases=$((cases + 1)) failed_cases=$((failed_cases + 1))
            line="not ok $cases${line#not ok}" client_status=0
            ;;
        esac
        printf '%s\n' "$line"
    done <"$work/cases"
    [ "$client_status" -eq 0 ] || {
        cases=$((cases + 1)) failed_cases=$((failed_cases + 1))
        echo "not ok $cases - $script${1:+ $1} comes to its end"
    }
}
