"""Who may call what: every route of the API declares it, and every role gets what it may."""

import pytest
from flask import Flask

from bridge import auth
from crm.staff import roles
from crm.staff.roles import ROLES

PATH_ARGS = {"key_id": "key_none", "staff_id": 1, "row_id": 1, "ref": "none"}


def gated(app: Flask) -> list[tuple[str, str, str]]:
    """(method, address, endpoint) of every route behind the gate."""
    found = []
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(("/api/", "/admin")):
            continue
        args = {name: PATH_ARGS.get(name, 1) for name in rule.arguments}
        if "table" in args:
            args["table"] = "inbox"
        if "token" in args:
            args["token"] = "x"
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            found.append((method, adapter.build(rule.endpoint, args), rule.endpoint))
    return found


def test_every_route_declares_a_permission(app):
    undeclared = [
        f"{method} {path}"
        for method, path, endpoint in gated(app)
        if auth.permission_of(app.view_functions[endpoint]) is None
    ]
    assert not undeclared


def test_only_these_are_public(app):
    public = {
        endpoint
        for _, _, endpoint in gated(app)
        if auth.permission_of(app.view_functions[endpoint]) == auth.PUBLIC
    }
    assert public == {
        "api-docs.openapi_json", "docs.docs", "admin.sign_in_page", "admin.sign_in",
        "admin.signed_out",
        "catalog.list_categories", "catalog.search_models", "catalog.show_model",
        "catalog.list_repair_types", "catalog.show_rules",
        "tracking_api.track_repair", "estimates.create_estimate", "estimates.show_estimate",
        "slots.list_slots", "bookings.create_booking", "bookings.show_booking",
        "bookings.change_booking", "booking_moves.submit_booking", "booking_moves.send_code",
        "booking_moves.confirm_booking", "booking_moves.reschedule_booking", "booking_moves.cancel_booking",
        "bookings.show_calendar_entry", "bookings.show_feed",
    }  # fmt: skip


def test_an_undeclared_route_is_closed_even_to_admins(app, admin):
    app.view_functions["keys.list_keys"] = lambda: "open by mistake"
    assert admin("GET", "/api/v1/keys").status_code == 403


@pytest.mark.parametrize("role", ROLES)
def test_roles_get_what_the_table_gives_them(app, as_role, role):
    caller = as_role(role)
    for method, path, endpoint in gated(app):
        permission = auth.permission_of(app.view_functions[endpoint])
        if permission == auth.PUBLIC:
            continue
        answer = caller(method, path, json={})
        status = answer.status_code
        # What a person has to do in person is refused to keys by another word.
        is_closed = status == 403 and answer.json["code"] == "forbidden"
        assert is_closed != roles.may(role, permission), f"{role}: {method} {path} gave {status}"
        assert status < 500 and status != 401, f"{role}: {method} {path} gave {status}"


def test_without_a_key_every_route_is_closed(app, client):
    for method, path, endpoint in gated(app):
        if auth.permission_of(app.view_functions[endpoint]) != auth.PUBLIC:
            assert client.open(path, method=method, json={}).status_code == 401, path


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Bearer ", "Basic eDp5", "Bearer \x7f", "mnd_"]
)
def test_bad_keys_are_refused(client, header):
    answer = client.get("/api/v1/keys", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_is_refused_at_once(admin, as_role):
    other = as_role("admin")
    assert other("GET", "/api/v1/keys").status_code == 200
    assert admin("POST", f"/api/v1/keys/{other.key_id}/revoke").status_code == 200
    assert other("GET", "/api/v1/keys").status_code == 401
