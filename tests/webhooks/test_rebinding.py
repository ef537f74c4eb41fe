"""A name that means one address when it is looked at and another when it is connected to.

It takes a DNS server that lies, so it runs in a network namespace of its own, which ends with its
process and needs no cleaning up. Making one is a right and not a service that could be installed,
so the tests are skipped where it is missing, with CI=true too.
"""

import json
import os
import subprocess
import sys
from typing import TypedDict

import pytest

from tests.config.processes import CHECKOUT

pytestmark = pytest.mark.once


class Found(TypedDict):
    outcomes: dict[str, list[int | str]]
    kept: list[int | str]
    questions: dict[str, int]
    public: int
    canaries: int


@pytest.fixture(scope="module")
def found() -> Found:
    namespace = ["unshare", "--net", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    try:
        subprocess.run([*namespace, "ip", "link"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespace; needs root, util-linux and iproute2: {error}")
    run = subprocess.run(
        [*namespace, sys.executable, "-m", "tests.webhooks.rebinding"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: Found = json.loads(run.stdout)
    return found


def test_it_never_reaches_the_own_network_whatever_the_dns_says(found: Found) -> None:
    assert found["canaries"] == 0


def test_it_asks_once_and_connects_to_the_address_that_it_was_told(found: Found) -> None:
    assert found["outcomes"]["public"] == [200, 200]
    # By the second delivery the name means another address, and that is judged anew.
    for name in ("rebinding", "rebinding-to-zero", "rebinding-to-ipv6"):
        assert found["outcomes"][name] == [200, "address_refused"]
        assert found["questions"][name] == 2  # One for each delivery.
    assert found["public"] == 5


def test_it_judges_anew_when_it_connects_anew(found: Found) -> None:
    """A connection is kept though the name means another address by now: it has not moved."""
    assert found["kept"] == [200, 200, "address_refused"]
    assert found["questions"]["kept"] == 2


@pytest.mark.parametrize(
    "name",
    ["private", "mixed", "mixed-the-other-way", "mixed-families", "mapped", "nat64"],
)
def test_it_refuses_a_name_with_one_bad_address(name: str, found: Found) -> None:
    assert found["outcomes"][name] == ["address_refused", "address_refused"]


def test_it_says_that_a_name_has_no_address(found: Found) -> None:
    assert found["outcomes"]["unknown"] == ["resolve", "resolve"]


def test_it_ends_at_the_deadline_though_the_dns_is_silent(found: Found) -> None:
    assert found["outcomes"]["silent"] == ["timeout", "timeout"]
