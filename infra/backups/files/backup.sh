# Puts the folders that are its arguments into RESTIC_REPOSITORY as the newest backup of RESTIC_HOST. Old ones go only
# after that.
set -eu
restic() { command restic --insecure-no-password "$@"; }
status=0
restic cat config >/dev/null 2>&1 || status=$?
# 10: there is no repository yet (https://restic.readthedocs.io/en/stable/075_scripting.html#exit-codes).
if [ "$status" -eq 10 ]; then restic init; fi
# A backup whose node was taken left its lock; this removes those alone that nobody renews.
restic unlock
# What a file system keeps for itself is nobody's to read.
restic backup --exclude lost+found "$@"
restic forget --group-by host --keep-within "${KEEP_DAYS}d" --prune
# A seventh of what is stored is read each day of the week, all of it within a week.
restic check --read-data-subset "$(date +%u)/7"
restic snapshots
