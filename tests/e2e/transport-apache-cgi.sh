# Apache, which starts the programs itself and hands them its environment; sourced by lib.sh.
#
# shellcheck shell=sh disable=SC2034,SC2154 # of lib.sh and servers.sh

server_start()
{
    apache_start cgi.conf
    server_running=yes
}

server_reload()
{
    apache_stop
    apache_start cgi.conf
}

server_stop()
{
    apache_stop
}
