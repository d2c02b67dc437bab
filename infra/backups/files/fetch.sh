# Brings back the folders of the backup SNAPSHOT, `latest` or an ID, to where they were. Files beside them stay.
set -eu
restic() { command restic --insecure-no-password "$@"; }
restic snapshots
restic restore "$SNAPSHOT" --target / --verify
