# Apache and FastCGI; sourced by lib.sh.
#
# shellcheck shell=sh disable=SC2034,SC2154 # of lib.sh and servers.sh

server_start()
{
    fastcgi_start
    apache_start fastcgi.conf
    server_running=yes
}

server_reload()
{
    fastcgi_stop
    fastcgi_start
}

server_stop()
{
    fastcgi_stop
    apache_stop
}
