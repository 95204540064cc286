"""A shop with a repair to quote for; its conversations are left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bookings.conftest import Shop, opened

SCREEN = {"label": "Screen", "unit_minor": 12_000, "kind": "part", "slug": "screen"}
LABOUR = {"label": "Fitting", "unit_minor": 3_000}
GLASS = {"label": "Protection glass", "unit_minor": 1_500, "kind": "part", "optional": True}


@dataclass
class Desk:
    """shop: the API of it. repair: the reference of a phone that is being examined."""

    shop: Shop
    repair: str

    def call(self, method: str, path: str, role: str = "desk", **kwargs: Any) -> Any:
        return self.shop.call(method, path, role, **kwargs)

    def body(self, **fields: Any) -> dict[str, Any]:
        options = [{"name": "Original part", "lines": [SCREEN, LABOUR, GLASS]}]
        return {"options": options, **fields}

    def quote(self, **fields: Any) -> dict[str, Any]:
        answer = self.call("POST", f"/repairs/{self.repair}/quotes", json=self.body(**fields))
        assert answer.status_code == 201, answer.text
        return answer.json

    def sent(self, **fields: Any) -> dict[str, Any]:
        ref = self.quote(**fields)["ref"]
        answer = self.call("POST", f"/quotes/{ref}/send")
        assert answer.status_code == 200, answer.text
        return answer.json

    def show(self, ref: str) -> dict[str, Any]:
        return self.call("GET", f"/quotes/{ref}").json

    def events(self, kind: str) -> int:
        return self.shop.rows(f"SELECT count(*) FROM events WHERE kind = '{kind}'")[0][0]


@pytest.fixture
def desk(db: str, tmp_path: Path) -> Iterator[Desk]:
    for shop in opened(db, tmp_path):
        person = {"name": "Ilse Brandt", "email": "ilse@example.com"}
        customer = shop.call("POST", "/customers", "desk", json=person)
        assert customer.status_code == 201, customer.text
        repair = shop.call(
            "POST", "/repairs", "desk",
            json={"customer_ref": customer.json["ref"], "device": "iPhone 13"},
        )  # fmt: skip
        assert repair.status_code == 201, repair.text
        yield Desk(shop, repair.json["ref"])
