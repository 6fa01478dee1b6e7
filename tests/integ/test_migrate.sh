#!/usr/bin/env bash
# scripts/migrate against a private server: applies all once, in order; twice at the same time; refuses an edited file.
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=$(mktemp -d "${TMPDIR:-/tmp}/wirebook-migrate-XXXXXX")
trap 'scripts/local-services stop "$dir" || true; rm -rf "$dir"' EXIT
LOCAL_SERVICES_FAST=1 scripts/local-services start "$dir"
set -a
# shellcheck source=/dev/null
. "$dir/services.env"
set +a

fail() { echo "test_migrate: $*" >&2; exit 1; }
count() { psql -XAtqc "select count(*) from schema_migrations"; }
files=$(find config/sql -name '[0-9]*.sql' | wc -l)

! scripts/migrate --check 2> "$dir/out" || fail "--check is content with an empty database"
grep -q '001_tables.sql is not applied' "$dir/out" || fail "--check does not name what is missing"
[ -z "$(psql -XAtqc "select to_regclass('export_mark')")" ] || fail "--check changed something"

scripts/migrate > "$dir/one" & one=$!
scripts/migrate > "$dir/two" & two=$!
wait "$one" || fail "the first of two failed"
wait "$two" || fail "the second of two failed"
[ "$(count)" = "$files" ] || fail "$(count) of $files files are recorded"
scripts/migrate --check || fail "--check finds something after all was applied"

applied=$(psql -XAtqc "select max(applied) from schema_migrations")
[ -z "$(scripts/migrate)" ] || fail "says something when nothing is to do"
[ "$(psql -XAtqc "select max(applied) from schema_migrations")" = "$applied" ] || fail "applied something twice"
psql -XAtqc "select version from schema_migrations order by applied, version" | sort -nc || fail "not in order"

scripts/migrate "dbname=postgres" > /dev/null || fail "does not take a connection string"
[ -n "$(PGDATABASE=postgres psql -XAtqc "select to_regclass('export_mark')")" ] || fail "went to another database"

# An applied file that was edited, and one that fails: from a copy of the scripts.
mkdir -p "$dir/copy/config"
cp -r config/sql "$dir/copy/config/" && cp -r scripts "$dir/copy/"
echo "-- edited" >> "$dir/copy/config/sql/001_tables.sql"
! "$dir/copy/scripts/migrate" 2> "$dir/out" || fail "takes an edited file"
grep -q '001_tables.sql was applied in another form' "$dir/out" || fail "does not say what was edited"
cp config/sql/001_tables.sql "$dir/copy/config/sql/"
echo "create table half (x int); select 1 / 0;" > "$dir/copy/config/sql/900_broken.sql"
! "$dir/copy/scripts/migrate" 2> "$dir/out" || fail "a file that fails is no failure"
[ -z "$(psql -XAtqc "select to_regclass('half')")" ] || fail "left half of a failed file behind"
[ "$(count)" = "$files" ] || fail "recorded a failed file"

! PGPORT=1 scripts/migrate 2> "$dir/out" || fail "is content without a database"
grep -q 'cannot reach the database' "$dir/out" || fail "does not say that it cannot reach the database"
