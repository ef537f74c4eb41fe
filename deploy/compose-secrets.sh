#!/bin/sh
# Make the secrets that compose.yaml hands to the containers, once: what is there is kept.
#
# The directory is closed to other users. The files in it are readable, because compose mounts them
# as they are and the containers' users are none of this machine's.
set -eu
cd "$(dirname "$0")/.."
mkdir -p var
mkdir -p -m 700 var/compose
cd var/compose

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }
keep() { [ -s "$1" ] || { cat > "$1.new" && chmod 644 "$1.new" && mv "$1.new" "$1"; }; }

random | keep secret-key
random | keep jwt-signing-keys
key | keep field-encryption-keys
random | keep postgres-password
random | keep rabbitmq-password
echo "postgres://tasks:$(cat postgres-password)@postgres:5432/tasks" | keep database-url
echo "amqp://tasks:$(cat rabbitmq-password)@rabbitmq:5672/" | keep amqp-url
printf 'default_user = tasks\ndefault_pass = %s\n' "$(cat rabbitmq-password)" | keep rabbitmq.conf
