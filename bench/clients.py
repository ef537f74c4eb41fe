"""Clients that do not give up: each write has a key, and is sent until it is answered."""

import http.client
import threading
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import orjson

_RETRIED = (429, 503, 502, 504)
_IN_USE = "key_in_use"


class Client:
    """One user at several addresses of the service; safe for one thread.

    Attributes:
        answers: how often each status was answered, and each kind of failure met.
    """

    def __init__(self, ports: list[int], username: str, password: str) -> None:
        self.answers: Counter[str] = Counter()
        self._ports, self._next = ports, 0
        self._login = {"username": username, "password": password}
        self._token = ""

    def write(self, method: str, path: str, body: object, stop: threading.Event) -> Any:
        """Return the answer's object once there is a success; None if `stop` came before."""
        key = str(uuid4())
        while not stop.is_set():
            status, answer = self._try(method, path, body, {"Idempotency-Key": key})
            if 200 <= status < 300:
                return answer
            if status == 401:
                self._sign_in()
            elif status not in {0, *_RETRIED} and answer.get("code") != _IN_USE:
                raise RuntimeError(f"{method} {path}: {status} {answer}")
            else:
                time.sleep(0.05)
        return None

    def _sign_in(self) -> None:
        status, answer = self._try("POST", "/api/v1/auth/token", self._login, {})
        self._token = answer["access"] if status == 200 else ""

    def _try(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> tuple[int, Any]:
        """Return status and answer of one request; 0 if there was none."""
        port = self._ports[self._next % len(self._ports)]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        given = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        given |= {"Content-Type": "application/json", **headers}
        try:
            connection.request(method, path, orjson.dumps(body), given)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.answers[type(error).__name__] += 1
            self._next += 1  # Perhaps the other one is there.
            return 0, {}
        finally:
            connection.close()
        self.answers[str(response.status)] += 1
        return response.status, orjson.loads(text) if text else {}
