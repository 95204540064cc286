"""How documents leave for a browser."""

from __future__ import annotations

from flask import Response, make_response


def given(content: bytes, number: str, *, is_saved: bool = False) -> Response:
    """A PDF for a browser, which keeps no copy of its own."""
    response = make_response(content)
    response.mimetype = "application/pdf"
    way = "attachment" if is_saved else "inline"
    response.headers["Content-Disposition"] = f'{way}; filename="{number}.pdf"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
