"""Preferences and rules over the API: what is chosen holds, what makes no sense is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.notifications import preferences
from crm.notifications.rules import Wishes
from tests.integration.channels.conftest import Channels

ADDRESS = "ilse@example.org"
HOSTILE = ("<script>alert(1)</script>", "{{ 7 * 7 }}", "\u202egnp.exe", "😀" * 10_000, "a\x00b")
RULE = {"template": "repair_received", "is_on": False, "is_quiet": False, "channels": []}


@pytest.fixture
def customer(channels: Channels) -> str:
    return channels.customer(email=ADDRESS)


def _put(office: Channels, customer: str, role: str = "desk", /, **body: Any) -> Any:
    path = f"/customers/{customer}/communication-preferences"
    return office.shop.call("PUT", path, role, json=body)


def _get(channels: Channels, path: str, role: str = "viewer") -> dict[str, Any]:
    answer = channels.shop.call("GET", path, role)
    assert answer.status_code == 200, answer.text
    return answer.json


def _acts(channels: Channels) -> list[tuple]:
    return [
        tuple(row) for row in channels.shop.rows("SELECT action, target FROM audit ORDER BY id")
    ]


def test_one_who_never_chose_gets_the_defaults(channels: Channels, customer: str):
    told = _get(channels, f"/customers/{customer}/communication-preferences")
    assert told == {
        "customer": customer, "is_default": True, "channels": [], "blocked": [], "hours": None,
        "frequency": "all", "language": "en", "marketing": None, "marketing_at": None,
        "marketing_by": None, "updated_at": None, "updated_by": None,
    }  # fmt: skip


def test_what_is_chosen_is_kept_and_the_rest_stays(channels: Channels, customer: str):
    answer = _put(
        channels, customer, channels=["sms", "mail"], blocked=["whatsapp"],
        hours={"from": "18:30", "to": "21:00"}, frequency="milestones", language="pt",
        marketing=False,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    told = answer.json
    assert told["channels"] == ["sms", "mail"] and told["blocked"] == ["whatsapp"]
    assert told["hours"] == {"from": "18:30", "to": "21:00"} and told["language"] == "pt"
    assert told["marketing"] is False and told["marketing_by"].startswith("staff: ")
    assert told["marketing_at"] and not told["is_default"]
    assert _get(channels, f"/customers/{customer}")["locale"] == "pt"

    again = _put(channels, customer, hours=None, frequency="all").json
    assert (again["hours"], again["frequency"], again["channels"]) == (None, "all", ["sms", "mail"])
    assert again["marketing_at"] == told["marketing_at"]
    assert _acts(channels).count(("communication_preferences.change", customer)) == 2


def test_a_change_by_staff_leaves_what_the_customer_says_meanwhile(
    channels: Channels, customer: str
):
    units = channels.shop.parts.units
    with units() as uow:
        customer_id = customers.by_ref(uow, customer).id
    with ThreadPoolExecutor(1) as desk:
        with units() as page:
            preferences.change(page, customer_id, Wishes(marketing=False), SYSTEM)
            answer = desk.submit(_put, channels, customer, frequency="milestones")
            with pytest.raises(TimeoutError):
                answer.result(timeout=0.5)  # it waits for the other's word
        assert answer.result(timeout=10).json["frequency"] == "milestones"
    told = _get(channels, f"/customers/{customer}/communication-preferences")
    assert (told["marketing"], told["marketing_by"]) == (False, f"{SYSTEM.kind}: {SYSTEM.name}")


def test_wishes_read_earlier_say_nothing_of_marketing(channels: Channels, customer: str):
    """Neither does null: what was said of it is only changed by saying otherwise."""
    units = channels.shop.parts.units
    with units() as desk:
        customer_id = customers.by_ref(desk, customer).id
        early = preferences.wishes_of(desk, customer_id)
        with units() as page:
            preferences.change(page, customer_id, Wishes(marketing=False), SYSTEM)
        preferences.change(desk, customer_id, early, SYSTEM)
    assert _put(channels, customer, marketing=None, frequency="all").json["marketing"] is False
    assert _put(channels, customer, marketing=True).json["marketing"] is True


def test_the_next_message_follows_them(channels: Channels, customer: str):
    assert _put(channels, customer, frequency="none").status_code == 200
    channels.repair(customer)
    ((state, reason),) = channels.log("state, reason")
    assert state == "skipped" and reason.startswith("the customer wants no messages")


def test_what_makes_no_sense_is_refused(channels: Channels, customer: str):
    for body in (
        {}, {"channels": ["pigeon"]}, {"channels": ["mail", "mail"]}, {"channels": ["mail"] * 5},
        {"channels": ["mail"], "blocked": ["mail"]}, {"channels": "mail"}, {"channels": None},
        {"hours": {"from": "9:00", "to": "21:00"}}, {"hours": {"from": "24:00", "to": "21:00"}},
        {"hours": {"from": "08:00", "to": "08:00"}}, {"hours": {"from": "09:00"}},
        {"hours": {"from": 9, "to": 21}}, {"frequency": "often"},
        {"hours": {"from": "12+01", "to": "12:00"}}, {"language": "xx"}, {"language": None},
        {"marketing": "yes"}, {"telepathy": True},
        *({"language": one} for one in HOSTILE),
        *({"hours": {"from": one, "to": "10:00"}} for one in HOSTILE),
        *({"blocked": [one]} for one in HOSTILE),
    ):  # fmt: skip
        answer = _put(channels, customer, **body)
        assert answer.status_code == 422, (body, answer.text)
    assert channels.shop.rows("SELECT count(*) FROM communication_preferences")[0][0] == 0


@pytest.mark.parametrize(("wishes", "code"), [
    ({"channels": ["mail"], "blocked": ["mail"]}, "preferred-and-blocked"),
    ({"hours": {"from": "08:00", "to": "08:00"}}, "hours-empty"),
])  # fmt: skip
def test_what_contradicts_itself_is_named(channels: Channels, customer: str, wishes, code: str):
    assert _put(channels, customer, **wishes).json["code"] == code


def test_who_may(channels: Channels, customer: str):
    path = f"/customers/{customer}/communication-preferences"
    assert channels.shop.call("GET", path).status_code == 401
    assert _put(channels, customer, "viewer", frequency="all").status_code == 403
    assert _put(channels, "CUS-404404", frequency="all").status_code == 404
    for role, status in (("desk", 403), ("technician", 403), ("manager", 200)):
        assert (
            channels.shop.call("PUT", "/notification-rules", role, json=RULE).status_code == status
        )
        body = {"quiet_from": None, "quiet_to": None}
        answer = channels.shop.call("PUT", "/notification-settings", role, json=body)
        assert answer.status_code == status


def test_every_message_has_a_rule_and_may_get_another(channels: Channels, customer: str):
    told = _get(channels, "/notification-rules")
    rules = {row["template"]: row for row in told["data"]}
    assert (told["quiet_from"], told["quiet_to"]) == ("21:00", "08:00")
    assert rules["repair_received"]["importance"] == "milestone"
    assert rules["review_request"]["kind"] == "marketing"
    assert not any(row["is_changed"] for row in told["data"])

    manager = channels.shop.call("PUT", "/notification-rules", "manager", json=RULE)
    assert manager.status_code == 200 and manager.json["is_changed"] and not manager.json["is_on"]
    channels.repair(customer)
    assert channels.log("state") == [("skipped",)]
    pt = RULE | {"locale": "pt", "is_on": True, "channels": ["sms", "mail"]}
    assert (
        channels.shop.call("PUT", "/notification-rules", "manager", json=pt).json["locale"] == "pt"
    )
    rows = [row for row in _get(channels, "/notification-rules")["data"] if row["is_changed"]]
    assert [(row["locale"], row["is_on"]) for row in rows] == [(None, False), ("pt", True)]

    gone = channels.shop.call("DELETE", "/notification-rules/repair_received", "manager")
    assert gone.status_code == 204
    path = "/notification-rules/repair_received?locale=pt"
    assert channels.shop.call("DELETE", path, "manager").status_code == 204
    assert channels.shop.call("DELETE", path, "manager").status_code == 404
    assert not any(row["is_changed"] for row in _get(channels, "/notification-rules")["data"])
    acts = [act for act, target in _acts(channels) if target == "repair_received"]
    assert acts == ["notification_rule.change"] * 2 + ["notification_rule.reset"] * 2


def test_a_code_is_never_switched_off(channels: Channels):
    body = RULE | {"template": "verification_code"}
    answer = channels.shop.call("PUT", "/notification-rules", "manager", json=body)
    assert answer.status_code == 409 and answer.json["code"] == "rule-is-fixed"
    assert "always sent" in answer.json["detail"]


def test_a_rule_that_makes_no_sense_is_refused(channels: Channels):
    for change in (
        {"channels": ["pigeon"]}, {"channels": ["mail", "mail"]}, {"is_on": "no"}, {"locale": "xx"},
        {"more": 1}, *({"template": one} for one in HOSTILE),
    ):  # fmt: skip
        answer = channels.shop.call("PUT", "/notification-rules", "manager", json=RULE | change)
        assert answer.status_code == 422, (change, answer.text)


def test_quiet_hours(channels: Channels):
    def put(**body: Any) -> Any:
        return channels.shop.call("PUT", "/notification-settings", "manager", json=body)

    told = {"quiet_from": "22:15", "quiet_to": "07:00"}
    assert put(**told).json == told == _get(channels, "/notification-settings")
    none = {"quiet_from": None, "quiet_to": None}
    assert put(**none).json == none == _get(channels, "/notification-settings")
    assert put(quiet_from="22:00", quiet_to=None).status_code == 422
    assert put(quiet_from="25:00", quiet_to="07:00").status_code == 422
    assert [act for act, _ in _acts(channels)].count("notification_settings.change") == 2
