"""Whether the API still keeps what its last release promised: `make compatible`.

Two OpenAPI 3.1 documents are compared, the released one and the present one. What clients send may
only become wider, what they get may only become narrower, or grow by what `docs/api.md` says that
they must bear. Whatever else changed is a finding, and a finding has to be declared. Where this
check cannot tell, because it does not know a keyword of JSON Schema, it says so and does not guess.

It lives beside the tests because it is one: of the document, against its own past.
"""
