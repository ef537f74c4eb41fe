"""The service in this process, and waiting for one in another."""

import os
import time
import urllib.request


def set_up(*, connections: int = 0, **environment: str) -> None:
    """Load the service with these variables, and migrate its database.

    Args:
        connections: as many as its pool may have; 0 for as many as a web process has.
    """
    import django

    os.environ.update(environment)
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    if connections:
        settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"] = connections
        # A transaction that is left open on purpose must not be ended.
        settings.DATABASES["default"]["OPTIONS"]["options"] = ""
    call_command("migrate", verbosity=0)


def wait_until_ready(port: int, seconds: float = 30) -> None:
    """Return when the service there is ready.

    Raises:
        SystemExit: it is not, after so long.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("make bench: the service did not become ready.")
