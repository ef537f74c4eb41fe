# The service's image: one for the web process, migrations and every other command.
#
# Configured by environment only (docs/configuration.md). Without DATABASE_URL it starts as a
# demonstration, with a database that ends with the container. The root file system may be
# read-only; only /tmp has to be writable, and in memory will do.

FROM python:3.13-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 VAR_DIR=/tmp/build
WORKDIR /srv/tasks

# In a layer of its own: it is built anew only when the lock file changes. Into the virtualenv's
# own Python, so that the scripts name the Python that has the packages. Of the tests, only
# directories called `tests` go: django.test is imported by what runs in production. Messages in
# other languages go too: the service speaks English (USE_I18N is off).
COPY requirements/base.txt requirements/base.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes --only-binary :all: --no-compile \
        --requirement requirements/base.txt \
    && /opt/venv/bin/pip uninstall --yes pip \
    && find /opt/venv -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} + \
    && find /opt/venv -type d -path '*/locale/*' -prune ! -name 'en*' -exec rm -rf {} +

COPY manage.py ./
COPY config config
COPY tasks tasks
COPY health health

# Hashed names, compressed copies. The settings go by the manifest, so there has to be one before
# the first real one is written. Source maps are for debuggers, and what has been collected need
# not lie in the packages too. The secrets that the settings make for this step stay in this stage.
RUN mkdir staticfiles \
    && echo '{"paths": {}, "version": "1.1", "hash": ""}' > staticfiles/staticfiles.json \
    && /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && find staticfiles -name '*.map*' -delete \
    && find /opt/venv -type d -name static -prune -exec rm -rf {} +

# Go once through what a container does, so that the bytecode of what it imports, and of nothing
# else, is in the image: 13 MB, for which each process needs half the CPU to start.
RUN /opt/venv/bin/python manage.py migrate --verbosity 0 \
    && /opt/venv/bin/gunicorn --check-config -c config/gunicorn.py config.wsgi


FROM python:3.13-slim

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    VAR_DIR=/tmp/tasks \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /srv/tasks

COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/tasks /srv/tasks
COPY deploy/start.sh deploy/start.sh

# A number, since Kubernetes' runAsNonRoot cannot look up a name.
USER 10001:10001

# The image that is shipped can import what it needs. Its throw-away secrets go with it.
RUN VAR_DIR=/tmp/check python manage.py check && rm -r /tmp/check

EXPOSE 8000

# Liveness and not readiness: a database that is away is no reason to restart this container. With
# TLS_CERT_FILE give the container a check of its own. -IS: without site-packages it costs 50 ms.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --start-interval=1s \
    CMD ["python", "-IS", "-c", "import os, urllib.request as http; http.urlopen('http://127.0.0.1:%s/health/live' % os.environ['PORT'], timeout=4)"]

ENTRYPOINT ["/bin/sh", "deploy/start.sh"]
CMD ["gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
