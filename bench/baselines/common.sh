# What both scripts need to know. Everything comes from the environment:
#   NAME           of the Unix user, the database, the stack
#   USER_ID        of the user
#   PLACE          folder of data and backups; a mount lies at $PLACE/home
#   SECRETS        folder on tmpfs
#   DATABASE_PORT, WEB_PORT
#   POSTGRES_BIN, NODE, PULUMI    programs
#   APPLICATION    the example workload
#   STATE          the engine's state folder; CLIENT and PROVIDER: what is served to it
# shellcheck shell=sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC
CLUSTER=$PLACE/home/pg
BACKREST="pgbackrest --config=$SECRETS/pgbackrest.conf --stanza=main"

as_user() {
  setpriv --reuid="$USER_ID" --regid="$USER_ID" --clear-groups --inh-caps=-all -- \
    env -i PATH="$PATH" LC_ALL=C.UTF-8 TZ=UTC HOME="$PLACE/home" "$@"
}

engine() {
  (
    cd "$STATE"
    PULUMI_HOME="$STATE/../home" PULUMI_BACKEND_URL="file://$STATE?metadata=skip" \
      PULUMI_CONFIG_PASSPHRASE=of-the-baseline PULUMI_DEBUG_PROVIDERS="$PROVIDER" \
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true PULUMI_SKIP_UPDATE_CHECK=true \
      PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS=true \
      "$PULUMI" "$@" --stack "$NAME" --non-interactive --color never
  )
}
