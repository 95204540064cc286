"""The description of the API, and the API tried against it with generated requests."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)
from sqlalchemy import text

from bridge import streams
from bridge.api import notices as notice_views
from crm.catalog import service as catalog
from crm.core import inbox, outbox
from crm.core.events import SYSTEM
from crm.core.inbox import Delivery
from crm.core.vault import Seal
from crm.notices import service as notices
from crm.outgoing import owing
from crm.subscriptions import service as subscriptions
from tests.integration.bridge.conftest import SECRET
from tests.unit.crm.files import samples


def test_the_description_is_public_and_complete(client, app):
    spec = client.get("/api/v1/openapi.json").json
    assert spec["openapi"] == "3.1.0"
    routes = {
        re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        and rule.endpoint.split(".")[0] not in ("api-docs", "docs")
    }
    assert routes == set(spec["paths"])


def test_the_page_needs_nothing_from_outside(client):
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "<script" not in page.text and "http://" not in page.text and "https://" not in page.text
    assert "/api/v1/repairs/{ref}/updates" in page.text


@pytest.fixture
def existing(admin, units) -> Callable[[str], dict[str, Any]]:
    """The path parameters of an address, naming things that are there."""
    customer = admin("POST", "/api/v1/customers", json={"name": "Ana"}).json["ref"]
    twin = admin("POST", "/api/v1/customers", json={"name": "A."}).json["ref"]
    merge = admin("POST", f"/api/v1/customers/{customer}/merge", json={"merge": twin}).json["id"]
    new_ticket = {"customer": customer, "subject": "Screen"}
    ticket = admin("POST", "/api/v1/tickets", json=new_ticket).json["ref"]
    repair = admin("POST", "/api/v1/repairs", json={"ticket": ticket}).json["ref"]
    key = admin("POST", "/api/v1/keys", json={"name": "till", "role": "shop"}).json["id"]
    person = {"name": "Kim", "email": "kim@shop.example", "role": "desk"}
    staff = admin("POST", "/api/v1/staff", json=person).json["id"]
    with units() as uow:
        delivery = Delivery("shop", key, "repair.created", "r", "k", b'{"a": [1, null]}')
        row = inbox.store(uow, delivery).id
        outbox.send(uow, "chatwoot.message", "e", {"content": "hi"}, lane="l")
        uow.session.execute(text("UPDATE inbox SET state = 'dead'"))
        uow.session.execute(text("UPDATE outbox SET state = 'dead'"))
    upload = {"data": {"files": (BytesIO(samples.photo()), "a.jpg")}}
    file = admin("POST", f"/api/v1/repairs/{repair}/files", **upload).json["data"][0]["id"]
    with units() as uow:
        catalog.seed(uow)
    wish = {"model": "apple-iphone-15", "repair_types": ["screen"]}
    estimate = admin("POST", "/api/v1/estimates", json=wish).json["ref"]
    place = {"slug": "screen", "name": "Quay"}
    assert admin("POST", "/api/v1/locations", json=place).status_code == 201
    bench = admin("POST", "/api/v1/locations/screen/benches", json={"name": "1"}).json["id"]
    technician = admin("POST", "/api/v1/technicians", json={"name": "Noor"}).json["id"]
    booking = admin("POST", "/api/v1/bookings", json={"name": "Ana"}).json["ref"]
    spare = admin("POST", "/api/v1/loan-devices", json={"name": "Moto G54"}).json["id"]
    loan = admin("POST", f"/api/v1/repairs/{repair}/loans", json={"device": spare}).json["id"]
    cash = {"repair": repair, "method": "cash", "amount_minor": 100, "currency": "GBP"}
    payment = admin("POST", "/api/v1/payments", json=cash).json["ref"]
    line = {"label": "Glass", "unit_minor": 900}
    sold = {"repair": repair, "lines": [line]}
    invoice = admin("POST", "/api/v1/invoices", json=sold).json["number"]
    spent = {"kind": "part", "label": "Panel", "amount_minor": 100, "repair": repair}
    expense = admin("POST", "/api/v1/expenses", json=spent).json["id"]
    part = {"amount_minor": 1, "reason": "a penny"}
    refund = admin("POST", f"/api/v1/payments/{payment}/refunds", json=part).json["ref"]
    priced = {"options": [{"lines": [line]}]}
    quote = admin("POST", f"/api/v1/repairs/{repair}/quotes", json=priced).json["ref"]
    later = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    plan = {"customer": customer, "words": "Still well?", "due_at": later}
    follow_up = admin("POST", "/api/v1/follow-ups", json=plan).json["id"]
    template = {"name": "repair_received", "locale": "en", "content_sid": "HX" + "0" * 32,
                "variables": ["ref"]}  # fmt: skip
    assert admin("PUT", "/api/v1/whatsapp-templates", json=template).status_code == 200
    with units() as uow:
        heard, _secret = subscriptions.create(
            uow, Seal([SECRET]), SYSTEM, url="https://till.example/", kinds=["*"]
        )
        news = owing.owe_test(uow, heard.id)
        told = uow.session.scalar(text("SELECT min(id) FROM notifications"))
        notice = notices.post(uow, "k", "ticket.opened", "viewer", {"ref": ticket})
    refs = {"customers": customer, "tickets": ticket, "repairs": repair, "estimates": estimate,
            "payments": payment, "refunds": refund, "quotes": quote,
            "disputes": "DSP-2611-00000"}  # fmt: skip

    def name(path: str) -> dict[str, Any]:
        known = {
            "ref": refs.get(path.split("/")[3]), "repair": repair, "merge_id": merge,
            "which": booking, "bench_id": bench, "technician_id": technician, "day": "2030-01-07",
            "token": "x", "key_id": key, "staff_id": staff, "row_id": row, "file_key": file,
            "loan_device_id": spare, "loan_id": loan, "expense_id": expense,
            "number": invoice, "step": "notice_to_collect", "subscription_id": heard.id,
            "delivery_id": news, "follow_up_id": follow_up,
            "notice_id": notice, "notification_id": told, "template": "repair_received",
            "name": "repair_received", "locale": "en",
            "slug": "apple-iphone-15" if "/models/" in path else "screen", "category": "iphone-15",
        }  # fmt: skip
        return {part: known[part] for part in re.findall(r"{(\w+)}", path)}

    return name


@pytest.fixture
def short_streams(app, monkeypatch) -> None:
    app.config[streams.HEARTBEAT] = 0.01
    monkeypatch.setattr(notice_views, "LONGEST_STREAM_SECONDS", 0.0)


@pytest.mark.usefixtures("short_streams")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("known", [True, False], ids=["things that exist", "any address"])
def test_generated_requests_are_answered_as_described(app, admin, existing, mode, known):
    api = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    calling = {"Authorization": f"Bearer {admin.token}"}
    checks = [not_a_server_error, content_type_conformance, response_schema_conformance]
    answers = Counter()

    @settings(max_examples=5, deadline=None, database=None, derandomize=True,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(data=strategies.data())
    def attempt(operation, data):
        place = {"path_parameters": existing(operation.path)} if known else {}
        case = data.draw(operation.as_strategy(generation_mode=mode, **place))
        response = case.call(headers=calling)
        answers[response.status_code] += 1
        case.validate_response(response, checks=checks)

    for operation in api.get_all_operations():
        if known and mode is GenerationMode.NEGATIVE and not operation.ok().body:
            continue  # with its address given there is nothing left to get wrong
        attempt(operation.ok())
    wanted = (200, 201) if mode is GenerationMode.POSITIVE else (422,)
    assert sum(answers[status] for status in wanted) > 30, answers
