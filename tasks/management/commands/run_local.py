"""`make run`: the whole service on this machine, from an empty directory, with one command.

It migrates, makes the demo account on the first start, starts gunicorn and a worker, and says where
to go. In production each of these is a step of its own; this command refuses to run there.
"""

import sys
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from tasks.management import demo, first_steps, serving

_WEB: Final = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
_WORKER: Final = [sys.executable, "manage.py", "run_worker"]


class Command(BaseCommand):
    help = "Migrate, make a demo user, start the service and print the first steps."

    def handle(self, *args: Any, **options: Any) -> None:
        serving.exit_on_signals()
        try:
            self._run(serving.Address(settings.HOST, settings.PORT))
        except serving.NotServingError as error:
            raise CommandError(str(error)) from None

    def _run(self, address: serving.Address) -> None:
        _require_local_run()
        address.require_free()
        self._say("Preparing the database ...")
        account = _prepare_database()
        self._say("Starting the service ...")
        with serving.started(_WEB, _WORKER) as (web, worker):
            serving.wait_until_ready(web, address, seconds=60)
            self._say(first_steps.text(address.url, _database(), account))
            ended = serving.first_to_end([web, worker])
        name = "service" if ended is web else "worker"
        raise serving.NotServingError(
            f"The {name} ended by itself, with exit code {ended.returncode}."
        )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()  # Into a pipe it would wait for more.


def _require_local_run() -> None:
    if not settings.LOCAL_RUN:
        raise CommandError("For a trial on this machine only: make run, or LOCAL_RUN=true.")
    if settings.TLS_CERT_FILE:
        raise CommandError(
            "make run speaks plain http. Unset TLS_CERT_FILE, or start gunicorn by itself: "
            "gunicorn -c config/gunicorn.py config.wsgi"
        )


def _prepare_database() -> demo.Account:
    try:
        call_command("migrate", interactive=False, verbosity=0)
        return demo.ensure(Path(settings.VAR_DIR) / "demo-password")
    except OperationalError as error:
        raise CommandError(f"The database cannot be used; see DATABASE_URL. {error}") from None
    finally:
        connection.close()


def _database() -> str:
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"{name} (SQLite)"
    return f"database {name} ({connection.display_name}, from DATABASE_URL)"
