# Makes the database that PG* name what it was when DUMP was written: all of it, or nothing changes.
set -euo pipefail
{
    echo "BEGIN; SET LOCAL lock_timeout = '60s';"
    echo "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner;"
    echo "GRANT USAGE ON SCHEMA public TO PUBLIC;"
    pg_restore --no-owner --file=- "$DUMP"
    # Not reached when the dump breaks off, and without it nothing counts.
    echo "COMMIT;"
} | psql --quiet --output=/dev/null --set=ON_ERROR_STOP=1
psql --quiet --command=ANALYZE
