#!/bin/sh
# Takes away what deploy.sh made: stop, delete, destroy, remove the stack. Nothing is proved.
set -eu
. "$(dirname "$0")/common.sh"

for process in /proc/[0-9]*; do # the workload; the database is stopped in its own way
  if [ "$(stat -c %u "$process" 2>/dev/null)" = "$USER_ID" ] &&
    [ "$(tr '\0' ' ' < "$process/cmdline" 2>/dev/null)" = "$NODE server.js " ]; then
    kill "${process#/proc/}"
  fi
done
as_user "$POSTGRES_BIN/pg_ctl" --pgdata="$CLUSTER" --wait --silent --mode=immediate stop || true
until umount "$PLACE/home"; do sleep 0.1; done
rm -rf "$PLACE" "$SECRETS"
engine destroy --yes --skip-preview --suppress-outputs --suppress-progress > /dev/null
engine stack rm --yes > /dev/null 2>&1
userdel "$NAME"
