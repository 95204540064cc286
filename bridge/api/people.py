"""How a person is described to us: the fields and their limits."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validate

from bridge.api.fields import Strict, Text
from crm.customers import rules
from crm.notifications.texts import LOCALES


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


class Name(Text):
    """One line, single blanks: a name cannot pose as a line of ours in a message."""

    def __init__(self, **kwargs: Any):
        super().__init__(255, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return " ".join(super()._deserialize(value, attr, data, **kwargs).split())


class Language(Text):
    """One that our messages speak; a region may follow, which then is kept but changes no words."""

    def __init__(self, **kwargs: Any):
        told = f"Give one of {', '.join(LOCALES)}; a region may follow, as in pt-BR."
        known = validate.Regexp(rf"^({'|'.join(LOCALES)})([-_][A-Za-z0-9]+)*$", error=told)
        super().__init__(12, validate=known, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, attr, data, **kwargs).strip()


class PersonChange(Strict):
    name = Name()
    email = Email(allow_none=True)
    phone = Phone(allow_none=True)
    locale = Language(allow_none=True)


class NewPerson(PersonChange):
    name = Name(required=True)
