"""The suite. `make test` runs it on SQLite and again on PostgreSQL; see `tests/__main__.py`."""
