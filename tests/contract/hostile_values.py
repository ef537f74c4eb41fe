"""Texts and values that have broken services before, by what they are."""

from typing import Any, Final

# Texts: all of them well-formed Unicode, so a field either takes them or says why not.
TEXTS: Final = (
    # Invisible, reordering, enormous when drawn, outside the basic plane, no characters at all.
    *("\u202eabc", "a\u202eb\u202c", "\u200b", "\u200d\u200d", "\ufeff", "\u2066\u2069", "\u00ad"),
    *("a" + "\u0301" * 49, "\u0e49" * 50, "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\uffff"),
    *("\ufffe", "\U0010ffff", "\U000e0001\U000e0061", "\ue000", "\U0001f1e9\U0001f1ea", "\u3164"),
    # They grow when they are folded or normalised.
    *("\ufdfa" * 50, "ß" * 50, "İ" * 50, "ﬃ" * 50, "\u0390" * 50, "\u1e9e", "K", "ǰ"),
    # Controls, line ends, blanks.
    *("\x01", "\x7f", "\x85", "\x1b[31m", "a\r\nSet-Cookie: a=b", "\t", "\u2028", "\u2029", "\x1f"),
    *(" ", "\u00a0", "\u3000", "a\n", "\n", "\v", "a\u2028b"),
    # Other people's languages: SQL, LDAP, templates, shells, formats, markup, spreadsheets.
    *("' or 1=1 --", "'; drop table x; --", "1; select pg_sleep(9)", "\\", "\\'", '"', "%", "_%"),
    *("*)(uid=*))(|(uid=*", "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "{% debug %}", "#{7*7}"),
    *("%s%s%n", "%(id)s", "{0}", "{id}", "$(id)", "`id`", "| id", "<script>alert(1)</script>"),
    *("<!--#exec cmd=id-->", "]]>", "=cmd|' /C calc'!A0", "@SUM(1)", "javascript:alert(1)"),
    # Words that mean something to some parser.
    *("null", "NaN", "undefined", "true", "-0", "0x10", "1e309", "__proto__", "None", "..", "~"),
    *("../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1/", "a/b", "a?b", "a#b", "a&b=c"),
    *("١٢٣", "１２３", "²", "Ⅷ", "𝟘", "a\\u0000b", "a%00b", "\\x00", "&#0;"),
)
NUMBERS: Final = {
    "beyond a double": "1e400",
    "below a double": "-1e400",
    "5000 digits": "9" * 5000,
    "-5000 digits": "-" + "9" * 5000,
}
# Numbers that JSON can say and no field here takes.
WILD_NUMBERS: Final = (
    *("1e300", "-1", "-1e-300", "1.5", "9223372036854775808", "18446744073709551616", "2147483648"),
    *("-9223372036854775809", "9" * 4000, "1e19", "0.1", "-0.5"),
)
# By the JSON type that they have.
OF_TYPE: Final[dict[str, tuple[Any, ...]]] = {
    "string": ("a", "", "5", "true", "null", "[]"),
    "integer": (5, 0, -1, 1 << 40),
    "number": (1.5, -0.25),
    "boolean": (True, False),
    "array": ([], [[]], [None], ["a"], [{}]),
    "object": ({}, {"a": {}}, {"$ne": None}, {"a": []}),
    "null": (None,),
}
DAYS: Final = (
    *("2027-02-30", "2027-02-29", "2027-13-01", "2027-00-10", "2027-01-00", "0000-01-01"),
    *("10000-01-01", "-0001-01-01", "2027-W01-1", "20270101", "2027-1-1", " 2027-01-01"),
    *("2027-01-01 ", "2027-01-01\n", "２０２７-01-01", "\u0662027-01-01", "2027\u201101\u201101"),
    *("2027-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "now", "", "0", "2027-366", "+2027-01-01"),
)
TIMES: Final = (
    *("24:00", "23:60", "23:59:60", "10:00Z", "10:00+02:00", "1000", "1:00", "10", "10:00:00.5"),
    *("1０:00", "-1:00", "noon", "", "10:00\n", "99:99"),
)
ZONES: Final = (
    *(
        "Mars/Olympus",
        "+02:00",
        "../../etc/passwd",
        "/etc/passwd",
        "europe/berlin",
        "",
        "localtime",
    ),
    *("UTC ", "Factory", "posixrules", "Europe", "GMT+99", "Europe/Berlin\n", "\u0435urope/Berlin"),
)
# The edges of the calendar, where another zone is in a year that cannot be.
EDGES: Final[tuple[dict[str, Any], ...]] = (
    {"due_date": "9999-12-31", "due_time": "23:59:59", "timezone": "Etc/GMT+12"},
    {"due_date": "9999-12-31", "timezone": "Etc/GMT+12"},
    {"due_date": "9999-12-31", "due_time": None, "timezone": "Pacific/Kiritimati"},
    {"due_date": "0001-01-01", "due_time": "00:00", "timezone": "Pacific/Kiritimati"},
    {"due_date": "0001-01-01", "timezone": "Etc/GMT-14", "start_date": "0001-01-01"},
    {"due_date": "2011-12-30", "due_time": "12:00", "timezone": "Pacific/Apia"},
    {"due_date": "2027-03-28", "due_time": "02:30", "timezone": "Europe/Berlin"},
    {"due_date": "1582-10-10", "due_time": "00:00", "timezone": "Europe/Rome"},
)


def respelled(identifier: str) -> tuple[str, ...]:
    """Return other spellings of a UUID, and what looks like one."""
    bare = identifier.replace("-", "")
    return (
        *(
            identifier.upper(),
            f"{{{identifier}}}",
            f"urn:uuid:{identifier}",
            bare,
            f" {identifier}",
        ),
        *(f"{identifier}\n", identifier[:-1], f"{identifier}0", identifier.replace("-", "\u2010")),
        *(identifier.replace("0", "\uff10"), identifier.replace("0", "\u0660"), f"{identifier}\t"),
        *(bare[:16], f"0x{bare}", identifier.replace("-", ""), "g" + identifier[1:], "", "1", "me"),
    )
