#!/bin/sh
# Gate: the migrations run with psql on an empty database, and controller/.sqlx is what the queries are.
# usage: database.sh PG_BIN WORK
set -eu
bin=$1 work=$2
dir=$(mktemp -d /tmp/frdb.XXXXXX)
as=''
if [ "$(id -u)" = 0 ]; then chown postgres "$dir" 2>/dev/null && as=postgres || { chown nobody "$dir"; as=nobody; }; fi
run() { if [ -n "$as" ]; then su -s /bin/sh "$as" -c "$*"; else sh -c "$*"; fi; }
stop() { run "$bin/pg_ctl -D $dir/data -m immediate stop" >/dev/null 2>&1 || true; rm -rf "$dir"; }
trap stop EXIT
run "cd / && $bin/initdb -D $dir/data -U farm -A trust -E UTF8 --locale=C --no-sync" >"$work/initdb.log"
port=$((20000 + $$ % 20000))
run "cd / && $bin/pg_ctl -D $dir/data -w -l $dir/log -o \"-k $dir -p $port -c listen_addresses=127.0.0.1 -c fsync=off\" start" >/dev/null
psql="$bin/psql -q -v ON_ERROR_STOP=1 -h $dir -p $port -U farm"
$psql -d postgres -c 'CREATE DATABASE flatrender'
for file in migrations/*.sql; do $psql -d flatrender -f "$file"; done
fresh=$work/sqlx
rm -rf "$fresh"
mkdir -p "$fresh"
touch controller/src/lib.rs
SQLX_OFFLINE_DIR=$fresh DATABASE_URL="postgres://farm@127.0.0.1:$port/flatrender" cargo check --locked -q -p flatrender-controller
diff -rq "$fresh" controller/.sqlx || {
    echo "error: controller/.sqlx is not what the queries are" >&2
    echo "hint: cp $fresh/* controller/.sqlx/ after removing what is there, and commit" >&2
    exit 1
}
