"""The refusals of the application API, with the bodies of api.md 1.5."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than success. body: JSON value, or None for an empty answer."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def not_signed_in() -> ApiError:
    return ApiError(401, {"errors": ["You need to sign in or sign up before continuing."]})


def unauthorized(text: str = "You are not authorized to do this action") -> ApiError:
    return ApiError(401, {"error": text})


def not_found() -> ApiError:
    return ApiError(404, {"error": "Resource could not be found"})


def refused(text: str) -> ApiError:
    """422 with one text, as messages and filters answer."""
    return ApiError(422, {"error": text})


def invalid(faults: dict[str, str]) -> ApiError:
    """422 of a model validation. faults: attribute -> full sentence."""
    return ApiError(422, {"message": ", ".join(faults.values()), "attributes": list(faults)})


def taken(attribute: str) -> ApiError:
    words = attribute.replace("_", " ").capitalize()
    return invalid({attribute: f"{words} has already been taken"})


def broken() -> ApiError:
    """What an unknown enum value or a missing array leads to."""
    return ApiError(500, {"status": 500, "error": "Internal Server Error"})
