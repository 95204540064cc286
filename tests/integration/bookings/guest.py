"""A guest without a browser on the booking pages."""

from __future__ import annotations

import html
import re
from typing import Any

from flask.testing import FlaskClient

CONTACT = {"name": "Ilse Brandt", "email": "ilse@example.org"}


class Guest:
    """A visitor with a booking link. page: the last answer's text."""

    def __init__(self, http: FlaskClient):
        self.http = http
        self.page = ""
        self.status = 0
        self.at = ""

    def get(self, path: str) -> Guest:
        return self._took(self.http.get(path, follow_redirects=True))

    def post(self, path: str, **form: Any) -> Guest:
        return self._took(self.http.post(path, data=form, follow_redirects=True))

    def begin(self, **form: Any) -> Guest:
        self.post("/book", **(form or {"model": "iphone-13"}))
        return self

    def do(self, step: str, **form: Any) -> Guest:
        return self.post(f"{self.home}/{step}", **form)

    @property
    def home(self) -> str:
        return re.match(r"/book/[^/?]+", self.at)[0]

    def free(self) -> list[str]:
        return [
            html.unescape(one)
            for one in re.findall(r'name="starts_at" value="([^"]+)" class="time"', self.page)
        ]

    def chosen(self) -> Guest:
        """With a device, a repair and a time, before the contact step."""
        self.begin().do("repairs", repair_types="screen")
        self.get(f"{self.home}/time")
        return self.do("time", starts_at=self.free()[0])

    def _took(self, answer: Any) -> Guest:
        self.page, self.status = answer.text, answer.status_code
        self.at = answer.request.full_path.rstrip("?")
        return self
