# nginx and fcgiwrap; sourced by lib.sh.
#
# shellcheck shell=sh disable=SC2034,SC2154 # of lib.sh and servers.sh

server_start()
{
    fcgiwrap_start
    nginx_start twilio-cgi-fcgiwrap.conf
    server_running=yes
}

server_reload()
{
    fcgiwrap_stop
    fcgiwrap_start
}

server_stop()
{
    fcgiwrap_stop
    nginx_stop
}
