# Writes the database that PG* name into the file DUMP, and reads it whole again.
set -euo pipefail
pg_dump --format=custom --no-owner --file="$DUMP"
pg_restore --file=/dev/null "$DUMP"
