"""How a person is described to us: the fields, and whom we take at their word."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validate

from bridge.api.fields import Strict, Text
from crm.customers import rules
from crm.customers.service import Person


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


def proven(
    name: str = "", email: str | None = None, phone: str | None = None, locale: str | None = None
) -> Person:
    """Somebody whose details staff or a shop system took down: their word proves them."""
    keys = []
    if email:
        keys.append(rules.email_key(email, proven=True))
    if phone:
        keys.append(rules.phone_key(phone, proven=True))
    return Person(name, email, phone, locale, keys=tuple(keys))
