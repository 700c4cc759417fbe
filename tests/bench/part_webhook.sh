# Callbacks; POSIX sh, sourced by run.sh.
#
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh's and its files' variables

floor_webhook_cgi='minimal, libpq'
floor_webhook_lean='minimal, lean'
floor_webhook_fcgi='minimal FastCGI, libpq'
limit_webhook='limit, records nothing'
node_webhook='Node, the same contract'
node_statements='Node, its own SQL'

part_webhook_cgi()
{
    both cgi cgi-direct direct plain
    both cgi cgi-bouncer bouncer plain
    line 'webhook, CGI, 8 callers'
    webhooks_cgi cgi-direct
    statement 'pgbench -C' callback direct 8 -C
    line 'webhook, CGI, pgbouncer, 8 callers'
    webhooks_cgi cgi-bouncer
    statement 'pgbench -C' callback bouncer 8 -C
    in_rounds "$rows"
    stop cgi-direct cgi-bouncer
}

# webhooks_cgi SOCKET OPTION...
webhooks_cgi()
{
    socket=$1
    shift
    pair webhook "$socket/twilio-delivery-status" "$@"
    program "$floor_webhook_cgi" webhook "$socket/bench_webhook_cgi" "$@"
    program "$floor_webhook_lean" webhook "$socket/bench_webhook_cgi_lean" "$@"
}

# start_webhooks WAY: ours as the package starts them, before's likewise; the floor has one thread and one
# connection in each of 8 processes.
start_webhooks()
{
    both fastcgi "webhook-$1" "$1" plain "$processes" twilio-delivery-status
    fastcgi "floor-$1" "$1" plain 8 bench_webhook_fcgi
}

stop_webhooks() { stop "webhook-$1" "floor-$1"; }

# webhooks_fastcgi WAY OPTION...
webhooks_fastcgi()
{
    way=$1
    shift
    pair webhook "webhook-$way/twilio-delivery-status" "$@"
    program "$floor_webhook_fcgi" webhook "floor-$way/bench_webhook_fcgi" "$@"
}

part_webhook_fastcgi()
{
    start_webhooks direct
    start_webhooks bouncer
    fastcgi limit-direct direct plain 2 bench_limit_fcgi
    node_service node-webhook webhook.js
    # Without the tables' triggers, foreign keys included, which would cost it more.
    node_service node-statements webhook.js RECORD=statements PGOPTIONS='-c session_replication_role=replica'
    line 'webhook, FastCGI, 16 callers'
    webhooks_fastcgi direct --connections 16
    statement 'pgbench -M prepared' callback direct 16 -M prepared
    statement pgbench callback direct 16
    program "$node_webhook" webhook node-webhook/twilio-delivery-status --connections 16
    program "$node_statements" webhook node-statements/twilio-delivery-status --connections 16
    program "$limit_webhook" webhook limit-direct/bench_limit_fcgi stores=0 --connections 16
    line 'webhook, FastCGI, pgbouncer, 16 callers'
    webhooks_fastcgi bouncer --connections 16
    # A pooler in transaction mode forgets prepared statements.
    statement 'pgbench -M extended' callback bouncer 16 -M extended
    in_rounds "$rows"
    stop_webhooks direct
    stop_webhooks bouncer
    # Processes of their own: what 64 callers leave in memory, 16 do not need.
    start_webhooks direct
    line 'webhook, FastCGI, 64 callers'
    webhooks_fastcgi direct --connections 64
    statement 'pgbench -M prepared, 16 clients' callback direct 16 -M prepared
    program "$node_webhook" webhook node-webhook/twilio-delivery-status --connections 64
    program "$node_statements" webhook node-statements/twilio-delivery-status --connections 64
    in_rounds "$rows"
    stop_webhooks direct
    stop limit-direct node-webhook node-statements
}

# At a rate that leaves room, and one at a time: how long one waits.
part_webhook_rate()
{
    start_webhooks direct
    line 'webhook, FastCGI, 1,000 a second'
    webhooks_fastcgi direct longer=2 --connections 64 --rate 1000
    statement 'pgbench -M prepared' callback direct 16 longer=2 -M prepared -R 1000
    line 'webhook, FastCGI, 1 caller'
    webhooks_fastcgi direct --connections 1
    in_rounds "$rows"
    stop_webhooks direct
}

# What the statements alone cost PostgreSQL, one transaction each.
part_sql()
{
    for name in callback send; do
        line "$name, its SQL alone, 4 clients"
        statement ours "$name" direct 4 -M prepared
        statement before "$name" direct 4 -M prepared
    done
    in_rounds "$rows"
}
