"""What a browser is told on every answer, and where it gets the static files."""

import pytest
from django.test import Client

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("stub_urls")]


def test_it_sends_the_security_headers(client: Client) -> None:
    headers = client.get("/echo", secure=True).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_it_serves_static_files_without_collecting_them_first(client: Client) -> None:
    response = client.get("/static/admin/css/base.css")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == 'text/css; charset="utf-8"'
    assert b"".join(response).startswith(b"/*")
    assert client.get("/static/admin/css/nothing.css").status_code == 404
