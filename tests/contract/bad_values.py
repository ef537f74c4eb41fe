"""What no field of a body takes, as JSON texts; and what is no body at all."""

from typing import Any, Final

import orjson

HUGE: Final = "9" * 5000
# JSON texts, by the type of the field that they do not fit.
NEVER: Final = {
    "a NUL": '"a\\u0000b"',
    "a lone surrogate": '"a\\ud800b"',
    "1e400": "1e400",
    "-1e400": "-1e400",
    "5000 digits": HUGE,
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "33 levels": "[" * 33 + "]" * 33,
    "33 levels of objects": '{"a":' * 33 + "1" + "}" * 33,
    "100000 levels": "[" * 100_000,
    "100000 closed levels": "[" * 100_000 + "]" * 100_000,
    "a duplicate key": '{"a": "1", "a": "2"}',
}
WRONG: Final[dict[str, dict[str, str]]] = {
    "string": {
        "a number": "5",
        "a boolean": "true",
        "a list": '["a"]',
        "an object": '{"a": "b"}',
        "too much": f'"{"x" * 65_537}"',
    },
    "boolean": {"a number": "1", "a text": '"true"', "a list": "[]", "an object": "{}"},
    "integer": {
        "a text": '"3"',
        "a fraction": "1.5",
        "a boolean": "true",
        "a list": "[1]",
        "a negative": "-1",
        "out of range": "5",
        "far out of range": "1e300",
        "4000 digits": "9" * 4000,
    },
    "array": {
        "a text": '"a"',
        "a number": "5",
        "an object": "{}",
        "numbers": "[5]",
        "null inside": "[null]",
        "a blank name": '[" "]',
        "a long name": f'["{"x" * 51}"]',
        "21 names": orjson.dumps([f"n{number}" for number in range(21)]).decode(),
    },
    "object": {
        "a text": '"a"',
        "a list": "[]",
        "a number inside": '{"a": 5}',
        "null inside": '{"a": null}',
        "an object inside": '{"a": {}}',
        "too much": f'{{"a": "{"x" * 4096}"}}',
    },
}
LINE: Final = {
    "blank": '"  "',
    "empty": '""',
    "two lines": '"a\\nb"',
    "a line separator": '"a\\u2028b"',
}
DAY: Final = {
    "no such day": '"2027-02-29"',
    "month 13": '"2027-13-01"',
    "year 0": '"0000-01-01"',
    "an instant": '"2027-01-01T00:00:00Z"',
    "a week": '"2027-W01-1"',
    "no hyphens": '"20270101"',
    "arabic digits": '"\N{ARABIC-INDIC DIGIT TWO}027-01-01"',
    "a space": '" 2027-01-01"',
}
IDENTIFIER: Final = {
    "upper case": '"01938F6E-7C00-7A11-8B22-0F1E2D3C4B5A"',
    "braces": '"{01938f6e-7c00-7a11-8b22-0f1e2d3c4b5a}"',
    "a urn": '"urn:uuid:01938f6e-7c00-7a11-8b22-0f1e2d3c4b5a"',
    "no hyphens": '"01938f6e7c007a118b220f1e2d3c4b5a"',
    "a word": '"mine"',
    "empty": '""',
}
# For texts that are more than texts, by name.
WRONG_TEXTS: Final = {
    **dict.fromkeys(("title", "name", "external_id", "user"), LINE),
    "body": {"blank": '" \\n "', "empty": '""'},
    **dict.fromkeys(("start_date", "due_date"), DAY),
    "due_time": {
        "hour 24": '"24:00"',
        "second 60": '"23:59:60"',
        "an offset": '"10:00Z"',
        "a fraction": '"10:00:00.5"',
        "fullwidth digits": '"1\N{FULLWIDTH DIGIT ZERO}:00"',
    },
    "timezone": {
        "no such zone": '"Mars/Olympus"',
        "an offset": '"+02:00"',
        "a path": '"../../etc/passwd"',
        "lower case": '"europe/berlin"',
        "empty": '""',
    },
    "url": {
        "a word": '"mine"',
        "no host": '"https://"',
        "ftp": '"ftp://example.org/"',
        "plain http": '"http://example.org/hooks"',
        "a user": '"https://alice:secret@example.org/"',
        "this machine": '"https://127.0.0.1/"',
        "this machine in one number": '"https://2130706433/"',
        "a private network": '"https://[fd00::1]/"',
        "a line break": '"https://example.org/\\n"',
        "a blank": '"https://example.org/a b"',
        "another script": '"https://ex\N{CYRILLIC SMALL LETTER A}mple.org/"',
        "too long": f'"https://example.org/{"x" * 2048}"',
    },
    "types": {
        "no such type": '["task.created", "task.invented"]',
        "no such kind": '["invoice.*"]',
        "everything": '["*"]',
        "upper case": '["TASK.*"]',
    },
    "status": {"no such status": '"open"', "upper case": '"DONE"'},
    "role": {"no such role": '"owner"', "upper case": '"ADMIN"'},
    **dict.fromkeys(("id", "project", "parent", "assignee"), IDENTIFIER),
}
VERSION_4: Final = '"4f3e2d1c-0b1a-4c3d-8e5f-6a7b8c9d0e1f"'


RAW: Final[dict[str, tuple[bytes, str, int, str]]] = {
    "nothing": (b"", "application/json", 400, "malformed_request"),
    "blanks": (b"  ", "application/json", 400, "malformed_request"),
    "no JSON": (b"title=a", "application/json", 400, "malformed_request"),
    "half": (b'{"title": "a"', "application/json", 400, "malformed_request"),
    "two documents": (b'{"title": "a"}{}', "application/json", 400, "malformed_request"),
    "single quotes": (b"{'title': 'a'}", "application/json", 400, "malformed_request"),
    "a comment": (b'{"title": "a"} // b', "application/json", 400, "malformed_request"),
    "a trailing comma": (b'{"title": "a",}', "application/json", 400, "malformed_request"),
    "a byte order mark": (
        b'\xef\xbb\xbf{"title": "a"}', "application/json", 400, "malformed_request",
    ),
    "Latin-1": ('{"title": "ä"}'.encode("latin-1"), "application/json", 400, "malformed_request"),
    "UTF-16": ('{"title": "a"}'.encode("utf-16"), "application/json", 400, "malformed_request"),
    "an encoded surrogate": (
        b'{"title": "\xed\xa0\x80"}', "application/json", 400, "malformed_request",
    ),
    "a duplicate key": (
        b'{"title": "a", "title": "b"}', "application/json", 400, "malformed_request",
    ),
    "the same key, escaped": (
        b'{"title": "a", "\\u0074itle": "b"}', "application/json", 400, "malformed_request",
    ),
    "a NUL as a key": (b'{"\\u0000": "a"}', "application/json", 400, "malformed_request"),
    "a surrogate as a key": (b'{"\\udfff": "a"}', "application/json", 400, "malformed_request"),
    "null": (b"null", "application/json", 400, "validation_failed"),
    "a list": (b'[{"title": "a"}]', "application/json", 400, "validation_failed"),
    "a text": (b'"title"', "application/json", 400, "validation_failed"),
    "a number": (b"5", "application/json", 400, "validation_failed"),
    "declared UTF-16": (
        '{"title": "a"}'.encode("utf-16"), "application/json; charset=utf-16", 415,
        "unsupported_media_type",
    ),
    "declared UTF-7": (
        b'{"title": "a"}', "application/json; charset=utf-7", 415, "unsupported_media_type",
    ),
    "a codec that unpacks": (
        b'{"title": "a"}', "application/json; charset=unicode_escape", 415,
        "unsupported_media_type",
    ),
    "a form": (
        b"title=a", "application/x-www-form-urlencoded", 415, "unsupported_media_type",
    ),
    "a multipart form": (
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\na\r\n--b--\r\n',
        "multipart/form-data; boundary=b", 415, "unsupported_media_type",
    ),
    "plain text": (b'{"title": "a"}', "text/plain", 415, "unsupported_media_type"),
    "a patch": (
        b'{"title": "a"}', "application/merge-patch+json", 415, "unsupported_media_type",
    ),
    "no type": (b'{"title": "a"}', "", 415, "unsupported_media_type"),
    "a type that is none": (b'{"title": "a"}', ";;;", 415, "unsupported_media_type"),
}  # fmt: skip


CONTRADICTIONS: Final[dict[str, tuple[dict[str, Any], str, str]]] = {
    "done but not completed": (
        {"status": "done", "completed": False}, "#/completed", "contradicts_status",
    ),
    "completed but not done": (
        {"status": "todo", "completed": True}, "#/completed", "contradicts_status",
    ),
    "a time without a date": ({"due_time": "10:00"}, "#/due_time", "needs_date"),
    "due before it starts": (
        {"start_date": "2027-01-02", "due_date": "2027-01-01"}, "#/start_date", "after_due_date",
    ),
}  # fmt: skip
