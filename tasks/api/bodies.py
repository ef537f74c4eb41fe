"""Reading what a request sends, strictly and by name."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from rest_framework import serializers

from tasks.api.deprecation import Deprecation


class Body(serializers.Serializer):
    """What a request may send: every name is known, nothing comes from the server's side.

    An instance lives as long as the process and is used by all threads: validation keeps no state
    in it, and making the fields anew for each request costs more than checking them.

    Attributes:
        deprecated: for each field that will go away, the announcement.
    """

    deprecated: ClassVar[Mapping[str, Deprecation]] = {}

    def read(self, data: Any) -> dict[str, Any]:
        """Return the validated fields of a body; raises ValidationError naming each mistake."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("It takes a JSON object.", code="invalid")
        errors: dict[str, Any] = {
            name: [self._refusal(name)] for name in data if not self._takes(name)
        }
        try:
            fields: dict[str, Any] = self.run_validation(data)
        except serializers.ValidationError as error:
            errors |= cast(dict[str, Any], error.detail)
        if errors:
            raise serializers.ValidationError(errors)
        return fields

    def _takes(self, name: str) -> bool:
        field = self.fields.get(name)
        return field is not None and not field.read_only

    def _refusal(self, name: str) -> serializers.ErrorDetail:
        if name in self.fields:
            return serializers.ErrorDetail("It is set by the server: leave it out.", "read_only")
        return serializers.ErrorDetail("There is no such field.", "unknown")
