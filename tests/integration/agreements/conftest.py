"""Browsers of staff, and what a customer signs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crm.core.events import SYSTEM
from crm.staff import service as staff
from crm.staff import sessions
from tests.integration.conftest import Call
from tests.service import Service


@pytest.fixture
def session_of(mendline: Service) -> Callable[[str], FlaskClient]:
    """A browser with the session of somebody of that role."""

    def make(name: str) -> FlaskClient:
        with mendline.units() as uow:
            person = staff.create_staff(
                uow, SYSTEM, email=f"{name}@shop.example", name="Rosa Lindgren", role=name
            )
            session = sessions.sign_in(uow, sessions.create_link(uow, SYSTEM, person))
        client = mendline.app.test_client()
        client.set_cookie("mendline", session)
        return client

    return make


@pytest.fixture
def signed_in(session_of: Callable[[str], FlaskClient]) -> FlaskClient:
    """A browser with the session of somebody at the desk."""
    return session_of("desk")


@pytest.fixture
def link(desk: Call, repair: str) -> str:
    """The path of a fresh link to sign the drop-off terms."""
    return path_of(asked(desk, repair))


def asked(call: Call, repair: str, purpose: str = "drop_off", **more: Any) -> dict[str, Any]:
    made = call("POST", f"/repairs/{repair}/agreements", json={"purpose": purpose, **more})
    assert made.status_code == 201, made.text
    return made.json


def path_of(made: dict[str, Any]) -> str:
    return urlsplit(made["url"]).path


def filled(page: str, **typed: str) -> dict[str, str]:
    """The form of a page as a browser sends it."""
    hidden = {name: page.split(f'name="{name}" value="')[1].split('"')[0]
              for name in ("digest", "locale")}  # fmt: skip
    return {**hidden, "name": "Ilse Brandt", "consent": "yes", **typed}


def signs(mendline: Service, path: str, **typed: str) -> TestResponse:
    """Read the page and send its form."""
    return mendline.http.post(path, data=filled(mendline.http.get(path).text, **typed))
