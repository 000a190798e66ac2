#!/bin/sh
# One instance by bare commands: what a person would do who knows every step and looks at nothing.
# No register, no journal, no vault, no supervisor, no proxy, no fence around the ports, no encryption, and
# secrets (made up here, gone with the run) in command lines, where every user of the machine can read them.
set -eu
. "$(dirname "$0")/common.sh"
umask 077

groupadd --gid "$USER_ID" "$NAME"
useradd --no-create-home --no-log-init --uid "$USER_ID" --gid "$USER_ID" --home-dir "$PLACE/home" \
  --shell /usr/sbin/nologin "$NAME"

# A home of its own size.
mkdir -m 0711 -p "$PLACE" "$SECRETS"
truncate -s 2G "$PLACE/home.img"
mkfs.ext4 -q -O encrypt -m 0 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$PLACE/home.img"
mkdir "$PLACE/home"
mount -o loop,nosuid,nodev,noatime "$PLACE/home.img" "$PLACE/home"
mkdir "$PLACE/home/uploads" "$PLACE/backups" "$SECRETS/socket" "$SECRETS/lock" "$SECRETS/spool"
chown "$USER_ID:$USER_ID" "$PLACE/home" "$PLACE/home/uploads" "$PLACE/backups" \
  "$SECRETS" "$SECRETS/socket" "$SECRETS/lock" "$SECRETS/spool"

# Credentials and the database's certificates.
APP=$(openssl rand -hex 24) DEPLOY=$(openssl rand -hex 24) CIPHER=$(openssl rand -hex 24)
FILES=$(openssl rand -hex 24) ADMIN=$(openssl rand -hex 24) SESSION=$(openssl rand -hex 32)
cd "$SECRETS"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$NAME" \
  -keyout ca.key -out ca.crt 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
  -keyout server.key -out server.csr 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile server.ext \
  -out server.crt 2>/dev/null
printf '%s' "$APP" > app.password
printf '%s' "$FILES" > files.password
cat > pgbackrest.conf <<CONF
[global]
repo1-path=$PLACE/backups/pg
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=$CIPHER
repo1-retention-full=2
repo1-bundle=y
lock-path=$SECRETS/lock
log-path=$SECRETS/lock
spool-path=$SECRETS/spool
log-level-file=off
log-level-console=off
log-level-stderr=warn
compress-type=zst
start-fast=y
archive-timeout=60
[main]
pg1-path=$CLUSTER
pg1-socket-path=$SECRETS/socket
pg1-port=$DATABASE_PORT
pg1-user=backup
pg1-database=postgres
CONF
chown "$USER_ID:$USER_ID" ca.crt server.key server.crt pgbackrest.conf

# The cluster.
cd "$PLACE/home"
as_user "$POSTGRES_BIN/initdb" --pgdata="$CLUSTER" --username=postgres --auth-local=peer \
  --auth-host=scram-sha-256 --data-checksums --encoding=UTF8 --locale=C.UTF-8 --no-instructions > /dev/null
cat >> "$CLUSTER/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $DATABASE_PORT
unix_socket_directories = '$SECRETS/socket'
max_connections = 35
shared_buffers = '128MB'
max_wal_senders = 0
min_wal_size = '32MB'
jit = off
wal_level = replica
archive_mode = on
archive_timeout = 60
archive_command = '$BACKREST archive-push %p'
ssl = on
ssl_cert_file = '$SECRETS/server.crt'
ssl_key_file = '$SECRETS/server.key'
CONF
cat > "$CLUSTER/pg_hba.conf" <<CONF
local all postgres peer map=administrator
local all backup peer map=backup
hostssl all all 127.0.0.1/32 scram-sha-256
CONF
printf 'administrator root postgres\nbackup %s backup\n' "$NAME" > "$CLUSTER/pg_ident.conf"
as_user "$POSTGRES_BIN/pg_ctl" --pgdata="$CLUSTER" --wait --silent --log="$PLACE/home/log" start

# Database, roles, grants.
export PGHOST="$SECRETS/socket" PGPORT="$DATABASE_PORT" PGUSER=postgres
psql -q -v ON_ERROR_STOP=1 postgres <<SQL
create role owner nologin;
create role application nologin;
create role support nologin;
create role backup login connection limit 4;
grant pg_read_all_settings to backup;
grant execute on function pg_backup_start(text, boolean), pg_backup_stop(boolean),
  pg_create_restore_point(text), pg_switch_wal() to backup;
create role app_1 login password '$APP' in role application;
create role deploy_1 login password '$DEPLOY' in role owner;
alter role deploy_1 set role owner;
create role support_1 login in role support;
create database "$NAME" owner owner connection limit 30;
revoke all on database "$NAME" from public;
grant connect, temporary on database "$NAME" to application;
grant connect on database "$NAME" to support;
\connect $NAME
create schema registrations authorization owner;
grant usage on schema registrations to application, support;
alter default privileges for role owner in schema registrations
  grant select, insert, update, delete on tables to application;
alter default privileges for role owner in schema registrations
  grant select, update, usage on sequences to application;
alter default privileges for role owner in schema registrations grant select on tables to support;
SQL

# Backup repositories.
as_user $BACKREST stanza-create
as_user RESTIC_PASSWORD="$FILES" restic --repo="$PLACE/backups/files" --no-cache init > /dev/null

# The workload: migration, bootstrap, process.
cd "$APPLICATION"
set -- PORT="$WEB_PORT" DATABASE_HOST=localhost DATABASE_PORT="$DATABASE_PORT" DATABASE_NAME="$NAME" \
  DATABASE_CA_FILE="$SECRETS/ca.crt" UPLOADS_FOLDER="$PLACE/home/uploads" INSTANCE_NAME="$NAME" \
  PUBLIC_URL="http://127.0.0.1:$WEB_PORT" SESSION_SECRET="$SESSION" \
  NAMESPACE_UUID=6f1c1f1e-5a0e-4d52-9b0c-0f6e6a4f3b11 ADMIN_EMAIL=admin@example.org ADMIN_PASSWORD="$ADMIN"
as_user "$@" DATABASE_USER=deploy_1 DATABASE_PASSWORD="$DEPLOY" "$NODE" migrate.js > /dev/null
as_user "$@" DATABASE_USER=deploy_1 DATABASE_PASSWORD="$DEPLOY" "$NODE" bootstrap.js > /dev/null
as_user "$@" DATABASE_USER=app_1 DATABASE_PASSWORD="$APP" setsid "$NODE" server.js > "$PLACE/home/web.log" 2>&1 &

# The one engine call: the program of an instance, whose provider does nothing.
engine up --yes --skip-preview --parallel=8 --client="$CLIENT" --suppress-outputs --suppress-progress > /dev/null

# The first backups.
cd /
as_user $BACKREST --type=full backup
as_user RESTIC_PASSWORD="$FILES" restic --repo="$PLACE/backups/files" --no-cache --quiet backup \
  --host=baseline "$PLACE/home/uploads"

until curl -fsS -o /dev/null "http://127.0.0.1:$WEB_PORT/health" 2>/dev/null; do sleep 0.05; done
