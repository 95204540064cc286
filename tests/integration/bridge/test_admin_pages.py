"""/admin as a browser without script uses it."""

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from crm.core import inbox, outbox
from crm.core.errors import Unauthenticated
from crm.core.events import SYSTEM
from crm.core.inbox import Delivery
from crm.core.outbox import OutboxRow
from crm.staff import service, sessions
from crm.staff.models import SignInLink, StaffSession

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def invite(units):
    """Make a person of that role; gives the path of their sign-in link."""

    def make(role: str) -> str:
        with units() as uow:
            person = service.create_staff(
                uow, SYSTEM, email=f"{role}@shop.example", name=role, role=role
            )
            return "/admin/sign-in/" + sessions.create_link(uow, SYSTEM, person)

    return make


@pytest.fixture
def dead_row(units, engine) -> int:
    with units() as uow:
        row = inbox.store(
            uow,
            Delivery("shop", "key_1", "repair.created", "r/1", "k",
                     json.dumps({"note": "<b>" + "x" * 60}).encode()),
        )  # fmt: skip
    with engine.begin() as connection:
        connection.execute(text("UPDATE inbox SET state = 'dead', reason = '<i>bad</i>'"))
    return row.id


def token_in(page: str) -> str:
    return re.search(r'name="csrf_token" value="(\w+)"', page)[1]


def test_a_link_signs_in_once_and_only_by_its_button(client, invite):
    link = invite("admin")
    for _ in range(3):
        assert client.get(link, headers=BROWSER).status_code == 200
    answer = client.post(link, headers=BROWSER)
    assert (answer.status_code, answer.location) == (303, "/admin")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert client.get("/admin", headers=BROWSER).status_code == 200
    client.delete_cookie("mendline")
    assert client.post(link, headers=BROWSER).status_code == 401
    assert client.get(link, headers=BROWSER).status_code == 410
    assert client.get("/admin", headers=BROWSER).status_code == 401


@pytest.mark.parametrize("role", ["viewer", "technician", "desk", "manager", "admin"])
def test_signed_in_everybody_lands_on_a_page_of_theirs(client, invite, role):
    landed = client.post(invite(role), headers=BROWSER, follow_redirects=True)
    assert landed.status_code == 200
    begins_with_repairs = role in ("viewer", "technician", "desk")
    assert (landed.request.path == "/admin/repairs") is begins_with_repairs
    menu = landed.text.partition("<nav")[2].partition("</nav>")[0]
    for path in re.findall(r'href="(/admin[^"]*)"', menu):
        assert client.get(path, headers=BROWSER).status_code == 200, path


def test_the_cookie_is_secure_on_https(make_app, invite):
    link = invite("desk")
    client = make_app(PUBLIC_URL="https://shop.example").test_client()
    cookie = client.post(link, headers=BROWSER).headers["Set-Cookie"]
    assert cookie.startswith("__Host-mendline=") and "Secure" in cookie


def test_links_and_sessions_end(client, invite, units):
    link = invite("admin")
    with units() as uow:
        uow.session.query(SignInLink).one().expires_at = uow.now - timedelta(seconds=1)
    assert client.post(link, headers=BROWSER).status_code == 401
    with units() as uow:
        person = service.staff_by_email(uow, "ADMIN@shop.example")
        token = sessions.sign_in(uow, sessions.create_link(uow, SYSTEM, person))
        sessions.authenticate_session(uow, token)
        uow.session.query(StaffSession).one().expires_at = uow.now - timedelta(seconds=1)
        with pytest.raises(Unauthenticated):
            sessions.authenticate_session(uow, token)


def test_a_form_of_another_site_signs_nobody_in(client, invite):
    link = invite("admin")
    foreign = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
    assert client.post(link, headers=foreign).status_code == 403
    assert client.get(link, headers=BROWSER).status_code == 200


def test_guessing_links_is_slowed_down(client, db):
    answers = [client.post("/admin/sign-in/guess", headers=BROWSER).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]


def test_dead_rows_are_listed_shown_and_replayed(client, invite, dead_row):
    client.post(invite("admin"), headers=BROWSER)
    assert "needs attention" in client.get("/admin", headers=BROWSER).text
    listing = client.get("/admin/inbox", headers=BROWSER).text
    assert f"/admin/inbox/{dead_row}" in listing and "<i>bad</i>" not in listing
    page = client.get(f"/admin/inbox/{dead_row}", headers=BROWSER).text
    assert "x" * 50 not in page and "<b>" not in page
    address = f"/admin/inbox/{dead_row}/replay"
    assert client.post(address, headers=BROWSER).status_code == 403
    assert client.post(address, data={"csrf_token": "0" * 64}, headers=BROWSER).status_code == 403
    done = client.post(address, data={"csrf_token": token_in(page)}, headers=BROWSER)
    assert done.status_code == 303
    assert "pending" in client.get(f"/admin/inbox/{dead_row}", headers=BROWSER).text


def test_a_row_in_doubt_says_that_it_may_have_been_sent(client, invite, units):
    with units() as uow:
        row_id = outbox.send(uow, "chatwoot.message", "k", {"content": "hi"}, lane="k")
        row = uow.session.get_one(OutboxRow, row_id)
        row.state, row.reason = outbox.DEAD, "undecided: its worker died 4 times"
        row.context = {outbox.DOUBTED: True}
    client.post(invite("admin"), headers=BROWSER)
    page = client.get(f"/admin/outbox/{row_id}", headers=BROWSER).text
    assert "may have been sent already" in page and "Replay" in page
    with units() as uow:
        uow.session.get_one(OutboxRow, row_id).context = {}
    assert "may have been" not in client.get(f"/admin/outbox/{row_id}", headers=BROWSER).text


def test_discarding_keeps_the_reason(client, invite, dead_row):
    client.post(invite("admin"), headers=BROWSER)
    page = client.get(f"/admin/inbox/{dead_row}", headers=BROWSER).text
    form = {"csrf_token": token_in(page), "reason": "known"}
    assert (
        client.post(f"/admin/inbox/{dead_row}/discard", data=form, headers=BROWSER).status_code
        == 303
    )
    assert "discarded: known" in client.get(f"/admin/inbox/{dead_row}", headers=BROWSER).text


def test_a_manager_sees_but_does_not_replay(client, invite, dead_row):
    client.post(invite("manager"), headers=BROWSER)
    page = client.get(f"/admin/inbox/{dead_row}", headers=BROWSER).text
    assert "Replay" not in page
    form = {"csrf_token": token_in(page)}
    assert (
        client.post(f"/admin/inbox/{dead_row}/replay", data=form, headers=BROWSER).status_code
        == 403
    )


def test_a_session_may_use_the_api_with_a_csrf_header(client, invite):
    client.post(invite("admin"), headers=BROWSER)
    new = {"name": "till", "role": "shop"}
    assert client.get("/api/v1/keys").status_code == 200
    assert client.post("/api/v1/keys", json=new).status_code == 403
    token = token_in(client.get("/admin", headers=BROWSER).text)
    made = client.post("/api/v1/keys", json=new, headers={"X-CSRF-Token": token})
    assert made.status_code == 201


def test_signing_out_ends_the_session(client, invite):
    client.post(invite("viewer"), headers=BROWSER)
    session = client.get_cookie("mendline").value
    assert client.get("/admin/inbox", headers=BROWSER).status_code == 403
    client.post(invite("desk"), headers=BROWSER)
    client.set_cookie("mendline", session)
    assert client.post("/admin/sign-out", headers=BROWSER).status_code == 403
    page = client.get("/admin/signed-out", headers=BROWSER)
    assert page.status_code == 200


def test_disabling_a_person_ends_their_session(client, invite, admin):
    client.post(invite("manager"), headers=BROWSER)
    assert client.get("/admin", headers=BROWSER).status_code == 200
    person = admin("GET", "/api/v1/staff").json["data"][0]
    admin("POST", f"/api/v1/staff/{person['id']}/disable")
    assert client.get("/admin", headers=BROWSER).status_code == 401


@pytest.mark.parametrize("query", ["state=%00", "cursor=x", "reason=" + "y" * 9000, "state=odd"])
def test_odd_filters_break_nothing(client, invite, query):
    client.post(invite("admin"), headers=BROWSER)
    assert client.get(f"/admin/outbox?{query}", headers=BROWSER).status_code in (200, 422)
