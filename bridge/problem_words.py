"""What a person is told when something went wrong, in their language: by code, else by status.

Programs get the error's own English detail instead (`bridge/problems.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _


@dataclass(frozen=True)
class Words:
    """advice: what the reader can do."""

    title: LazyString
    advice: LazyString


_BY_CODE: dict[str, Words] = {
    "csrf": Words(
        _("This form no longer counts"),
        _("Nothing was changed. Load the page again and send the form from there."),
    ),
    "already-signed": Words(
        _("This is signed already"), _("The page of the repair shows who signed it, and when.")
    ),
    "not-replayable": Words(
        _("There is nothing to settle here any more"),
        _("The row was settled meanwhile. Load its page again to see how."),
    ),
    "no-reason": Words(
        _("A reason is missing"), _("Go back and write why the row can be left.")
    ),
    "one-proof": Words(
        _("A proof is missing"),
        _("Go back and give either the code, or the reason why none is needed."),
    ),
    "wrong-code": Words(
        _("This code is wrong"), _("Go back and compare it with the customer's message.")
    ),
    "no-code-yet": Words(
        _("There is no code yet"),
        _("The customer gets one when the device is ready to collect."),
    ),
}  # fmt: skip

_BY_STATUS: dict[int, Words] = {
    401: Words(
        _("Please sign in"),
        _("You are not signed in, or your link was used or has expired. Ask for a new link."),
    ),
    403: Words(
        _("You may not do this"),
        _("Nothing was changed. Somebody with more rights can do it."),
    ),
    404: Words(
        _("There is nothing here"),
        _("The address may be incomplete, or what it opened is gone."),
    ),
    405: Words(
        _("This page takes no such request"),
        _("Open it anew, and use its own buttons."),
    ),
    409: Words(
        _("Something else came first"),
        _("Nothing was changed. Load the page again to see how it stands now."),
    ),
    413: Words(_("This is too large"), _("Go back and send less at once.")),
    415: Words(_("We cannot read this"), _("Go back and send the form of the page.")),
    422: Words(
        _("This does not fit"),
        _("Nothing was changed. Go back and look at what you typed or chose once more."),
    ),
    429: Words(_("Please wait a little"), _("That was too many times in a row. Please wait a few minutes.")),
    503: Words(
        _("We cannot answer just now"),
        _("Nothing could be read or stored. Please try again in a moment."),
    ),
}  # fmt: skip
_OURS = Words(
    _("Something went wrong here"),
    _("It is not your fault. Please try again; if it happens once more, tell us the number below."),
)
_YOURS = Words(_("We cannot do this"), _("Go back, load the page again and try once more."))


def told(status: int, code: str) -> Words:
    """Every status from 400 on has words."""
    by_status = _BY_STATUS.get(status, _OURS if status >= 500 else _YOURS)
    return _BY_CODE.get(code, by_status)
