"""Say what would break a client of the last release: `make compatible`.

python -m tests.compatibility [released.yaml present.yaml breaking.md]
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from tests.compatibility.documents import compare
from tests.compatibility.findings import complaints, declarations

_DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
USUAL: Final = (
    _DOCS / "released" / "openapi-v1.yaml",
    _DOCS / "openapi-v1.yaml",
    _DOCS / "released" / "breaking.md",
)
_LAST_LINE: Final = (
    "A break that has to be is declared in docs/released/breaking.md: the finding up to its "
    "remedy, word for word, and the reason."
)


def read(path: Path) -> Any:
    """Return the document in a YAML file."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is there
    return yaml.load(path.read_text(), Loader=loader)


def main(arguments: Sequence[str]) -> int:
    """Print a line for each complaint; return 1 if there are any, else 0."""
    released, present, breaking = (Path(each) for each in arguments or USUAL)
    found = compare(read(released), read(present), datetime.now(UTC).date())
    lines = complaints(found, declarations(breaking.read_text()))
    print("\n".join([*lines, _LAST_LINE] if lines else []), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
