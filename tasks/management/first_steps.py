"""What a local run prints once it answers: where, as whom, and lines to paste."""

from string import Template
from typing import Final

from tasks.management.demo import Account

_TEXT: Final = Template("""
The service answers at $base
  documentation  $base/api/docs
  admin          $base/admin/
  health         $base/health
  data           $database
  sign in as     $username, password $password
$remark
Paste these lines: get a token, then create, list, complete and delete a task.

$lines

Ctrl-C stops everything.
""")

# For any POSIX shell, without jq. The answers are shown as they come.
_LINES: Final = Template("""\
API=$base/api/v1
TOKEN=$$(curl -s $$API/auth/token -H 'Content-Type: application/json' \
-d '{"username": "$username", "password": "$password"}' \
| sed 's/.*"access": *"\\([^"]*\\)".*/\\1/')
TASK=$$(curl -s $$API/tasks -H "Authorization: Bearer $$TOKEN" \
-H 'Content-Type: application/json' -d '{"title": "Learn Flask"}'); echo "$$TASK"
ID=$$(echo "$$TASK" | sed 's/.*"id": *"\\([^"]*\\)".*/\\1/')
curl -s $$API/tasks -H "Authorization: Bearer $$TOKEN"; echo
curl -s -X PUT $$API/tasks/$$ID -H "Authorization: Bearer $$TOKEN" \
-H 'Content-Type: application/json' -d '{"completed": true}'; echo
curl -s -X DELETE $$API/tasks/$$ID -H "Authorization: Bearer $$TOKEN" -w '%{http_code}\\n'""")


def text(base: str, database: str, account: Account) -> str:
    """Return the whole text.

    Args:
        base: the address, such as `http://127.0.0.1:8000`.
        database: where the data lie, in words.
        account: whom to sign in as.
    """
    return _TEXT.substitute(
        base=base,
        database=database,
        username=account.username,
        password=account.password,
        remark=f"  {account.remark}\n" if account.remark else "",
        lines=curl_lines(base, account),
    )


def curl_lines(base: str, account: Account) -> str:
    """Return the lines to paste; a password made here needs no quoting."""
    return _LINES.substitute(base=base, username=account.username, password=account.password)
