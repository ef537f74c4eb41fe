#!/bin/sh
# The image's entry point. With a database it only starts the command: migrations are a step of
# the deployment, run once and not by every replica, and a worker is a container of its own. Without
# one, the container is a demonstration and has to bring both.
set -eu
if [ "$1" = gunicorn ] && [ -z "${DATABASE_URL:-}${DATABASE_URL_FILE:-}" ]; then
    echo "No DATABASE_URL: a demonstration, whose data end with this container." >&2
    python manage.py migrate --noinput --verbosity 0
    python manage.py run_worker &
fi
exec "$@"
