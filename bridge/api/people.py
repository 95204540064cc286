"""How a person is described to us: the fields and their limits."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validate

from bridge.api.fields import Strict, Text
from crm.customers import rules


class Phone(Text):
    """E.164."""

    def __init__(self, **kwargs: Any):
        super().__init__(20, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        phone = super()._deserialize(value, attr, data, **kwargs).strip()
        if not rules.is_e164(phone):
            raise ValidationError("Not an E.164 phone number: use +, country code, number.")
        return phone


class Email(Text):
    def __init__(self, **kwargs: Any):
        super().__init__(254, validate=validate.Email(), **kwargs)


class PersonChange(Strict):
    name = Text(255)
    email = Email(allow_none=True)
    phone = Phone(allow_none=True)
    locale = Text(12, allow_none=True)


class NewPerson(PersonChange):
    name = Text(255, required=True)
