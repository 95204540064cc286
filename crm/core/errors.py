"""The one family of errors.

Two branches: what we answer to a caller (`Refusal`), and what an outside service did to us
(`Outward`). `bridge/problems.py` turns the first into problem+json; `jobs/` turns the second
into a retry, a dead letter or a look-up. Anything outside this family is a defect and shows as
a 500 with the request id alone.
"""

from __future__ import annotations


class MendlineError(Exception):
    """code: stable machine word, kebab-case. status: HTTP status. retry: may the caller repeat it."""

    code = "error"
    status = 500
    retry = False

    def __init__(self, detail: str = "", *, code: str | None = None):
        super().__init__(detail or self.__class__.__name__)
        self.detail = detail
        if code:
            self.code = code


class Refusal(MendlineError):
    """The caller asked for something that cannot be done; nothing was changed."""


class BrokenBody(Refusal):
    """The body is not the JSON (or form) it claims to be."""

    code, status = "broken-body", 400


class Unauthenticated(Refusal):
    code, status = "unauthenticated", 401


class Forbidden(Refusal):
    code, status = "forbidden", 403


class NotFound(Refusal):
    code, status = "not-found", 404


class Conflict(Refusal):
    code, status = "conflict", 409


class Invalid(Refusal):
    """errors: field name -> list of sentences, as marshmallow reports them."""

    code, status = "invalid", 422

    def __init__(self, detail: str = "", *, errors: dict | None = None, code: str | None = None):
        super().__init__(detail, code=code)
        self.errors = errors or {}


class TooMany(Refusal):
    """after: seconds until the caller may try again."""

    code, status, retry = "too-many-requests", 429, True

    def __init__(self, detail: str = "", *, after: float = 60):
        super().__init__(detail)
        self.after = after


class Outward(MendlineError):
    """An outside service did not do what it was asked."""

    status = 502


class Temporary(Outward):
    """Nothing happened over there; the same request may work later.

    after: seconds the other side asked us to wait, or None for the retry ladder.
    costs_attempt: False when we never asked (rate bucket empty, breaker open).
    """

    code, retry = "temporary", True

    def __init__(self, detail: str = "", *, after: float | None = None, costs_attempt: bool = True):
        super().__init__(detail)
        self.after = after
        self.costs_attempt = costs_attempt


class UnknownParent(Temporary):
    """News about a thing we have not heard of yet; it may come (reliability.md, rule 10)."""

    code = "unknown-parent"


class Denied(Temporary):
    """The other side refuses our credentials (401, 403): pauses the destination, costs no attempt."""

    code = "denied"

    def __init__(self, detail: str = ""):
        super().__init__(detail, costs_attempt=False)


class Permanent(Outward):
    """The other side refused this very request; repeating it cannot help."""

    code = "permanent"


class Obsolete(Outward):
    """Nobody wants it any more: it is cancelled, and needs nobody."""

    code = "obsolete"


# The code of one that was refused after doubt: it may have arrived before, so nobody sends it again.
UNDECIDED = "undecided"


class Uncertain(Outward):
    """The request may or may not have taken effect (time-out, broken line, 5xx): look before sending again."""

    code = "uncertain"
