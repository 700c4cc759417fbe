#!/bin/sh
# The whole on the next Debian, in a clean root: built there without a warning, its unit tests, and a
# first message by nginx/local.sh, from nothing but what nginx/packages.sh names.
#
#   sh test_debian13.sh BUILD-DIRECTORY
#
# The root is made once, by mmdebstrap from where this machine's own packages come, in
# BUILD-DIRECTORY/debian-13; each run has a layer of its own above it, in memory. Mounts and processes
# are in namespaces that end with the test, however it ends.
set -u
codename=trixie

if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true; then
    echo 'only a root who may mount can make another Debian'
    exit 77
fi
if [ -z "${debian_inside:-}" ]; then
    export debian_inside=yes
    exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0" "$@"
fi
root=$(cd "$(dirname "$0")/../.." && pwd -P)
build=$(cd "$1" && pwd -P)
base=$build/debian-13 clean=/media/clean
cases=0 failures=0
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
# shellcheck source=nginx/packages.sh
. "$root/nginx/packages.sh"

# shellcheck disable=SC2016 # for apt to expand
mirror()
{
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' \
        "Codename: $(. /etc/os-release && echo "$VERSION_CODENAME")" | head -n 1
}

make_base()
{
    [ ! -d "$base" ] || return 0
    rm -rf --one-file-system "$base.new"
    # shellcheck disable=SC2086 # a list
    mmdebstrap -q --variant=apt --include="$(echo $packages_build $packages_run | tr ' ' ',')" \
        "$codename" "$base.new" "$site" && mv "$base.new" "$base"
}

layer()
{
    mount -t tmpfs -o mode=755 tmpfs /media && mkdir /media/upper /media/work "$clean" &&
        { mount -t overlay overlay \
            -o "lowerdir=$base,upperdir=/media/upper,workdir=/media/work" "$clean" ||
            cp -a "$base/." "$clean/"; } &&
        mount -t proc proc "$clean/proc" && mkdir -p "$clean/dev/shm" &&
        mount -t tmpfs -o mode=1777 tmpfs "$clean/dev/shm"
}

in_clean() { chroot "$clean" sh -c "cd /src && $1"; }

# check NAME COMMAND...: all that the command says, when it fails.
check()
{
    name=$1
    cases=$((cases + 1))
    shift
    if "$@" >/media/output 2>&1 </dev/null; then
        echo "ok $cases - $name"
    else
        failures=$((failures + 1))
        tail -n 60 /media/output | sed 's/^/#   /'
        echo "not ok $cases - $name"
    fi
}

site=$(mirror)
release=$(mktemp) # as mmdebstrap would fetch it
/usr/lib/apt/apt-helper download-file "$site/dists/$codename/InRelease" "$release" >/dev/null 2>&1
found=$?
rm -f "$release"
if [ ! -d "$base" ] && [ "$found" -ne 0 ]; then
    echo "where this machine's packages come from is no Debian 13"
    exit 77
fi
make_base || exit 1
layer || exit 1
mkdir "$clean/src" &&
    ( cd "$root" && tar -cf - CMakeLists.txt cgi-bin lib nginx sql tests ) | tar -xf - -C "$clean/src"
echo "# $(in_clean 'gcc --version' | head -n 1), $(in_clean 'curl --version' | cut -d ' ' -f 1-2 | head -n 1)," \
    "$(in_clean 'psql --version')"

check 'it builds without a warning' in_clean 'cmake -S . -B build -DWERROR=ON && cmake --build build --parallel 2'
check 'the unit tests' in_clean 'ctest --test-dir build -R ^unit- --output-on-failure --parallel 2'
check 'a first message is delivered' in_clean 'sh nginx/local.sh up >up 2>&1 && grep "status = delivered" up || { cat up; false; }'
check 'and all is well' in_clean 'sh nginx/local.sh status'
check 'it goes down' in_clean 'sh nginx/local.sh down'
echo "1..$cases"
[ "$failures" -eq 0 ]
