"""Faults have one shape, whoever finds them."""

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

from crm.core.errors import TooMany

FIELDS = {"type", "title", "status", "detail", "code", "instance", "errors"}


def test_a_problem_has_every_field_and_the_request_id(client):
    answer = client.get("/api/v1/nothing", headers={"X-Request-Id": "till-7.42"})
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert set(answer.json) == FIELDS
    assert answer.headers["X-Request-Id"] == "till-7.42"
    assert answer.json["instance"].endswith("till-7.42")


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "é"])
def test_a_strange_request_id_is_replaced(client, given):
    answer = client.get(
        "/healthz", headers={"X-Request-Id": given.encode("latin-1").decode("latin-1")}
    )
    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 24


def test_a_wrong_method_keeps_allow(admin):
    answer = admin("DELETE", "/api/v1/keys")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(" ", "").split(","))
    assert answer.json["code"] == "method-not-allowed"


def test_browsers_get_a_page_and_programs_do_not(client):
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = client.get("/nowhere", headers=browser)
    assert page.status_code == 404 and page.mimetype == "text/html"
    assert client.get("/api/v1/nowhere", headers=browser).mimetype == "application/problem+json"
    assert client.get("/nowhere").mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("language", "title"), [("pt-PT,pt;q=0.9", "Não há nada aqui"), ("de", "There is nothing here")]
)
def test_people_are_told_in_their_language(client, language, title):
    page = client.get("/nowhere", headers={"Accept": "text/html", "Accept-Language": language})
    assert f"<h1>{title}</h1>" in page.text
    assert f'<html lang="{page.headers["Content-Language"]}">' in page.text
    assert "Accept-Language" in page.headers["Vary"] and "URL" not in page.text


def test_a_person_meets_a_defect_by_its_number_only(app, client):
    def broken():
        raise RuntimeError("a secret detail")

    app.view_functions["front.front"] = broken
    page = client.get("/", headers={"Accept": "text/html", "Accept-Language": "pt"})
    assert page.status_code == 500 and "secret" not in page.text
    assert "Algo correu mal" in page.text and page.headers["X-Request-Id"] in page.text


def test_a_defect_shows_only_the_request_id(app, admin):
    def broken():
        raise RuntimeError("a secret detail")

    broken.permission = "keys.manage"
    app.view_functions["keys.list_keys"] = broken
    answer = admin("GET", "/api/v1/keys")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.json["detail"]


@pytest.mark.parametrize(
    ("error", "status", "after"),
    [(TooMany("slowly", after=7.2), 429, "8"),
     (OperationalError("SELECT 1", {}, Exception("gone")), 503, "5"),
     (InterfaceError("SELECT 1", {}, Exception("closed")), 503, "5"),
     (TimeoutError("no connection is free"), 503, "5")],
)  # fmt: skip
def test_waiting_is_told_in_seconds(app, admin, error, status, after):
    def refuse():
        raise error

    refuse.permission = "keys.manage"
    app.view_functions["keys.list_keys"] = refuse
    answer = admin("GET", "/api/v1/keys")
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, after)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{", 400), (b"\xff\xfe", 400), (b'{"name": NaN}', 400), (b'{"n": -1e999}', 400), (b"[" * 100_000, 400),
        (b"[1]", 422), (b"7", 422), (b'"x"', 422), (b"null", 422), (b"", 422),
        (b'{"name":"a\\u0000","role":"shop"}', 422), (b'{"name":"\\ud800","role":"shop"}', 422),
        (b'{"name":"a","role":"shop","more":1}', 422), (b'{"name":1,"role":[]}', 422),
        (b'{"name":"' + b"x" * 81 + b'","role":"shop"}', 422),
        (b'{"name":"a","role":"shop","expires_at":"0001-01-01T00:00:00+23:59"}', 422),
        (b'{"name":"a","role":"shop","expires_at":' + b"9" * 5000 + b"}", 400),
        (b'{"name":"' + b"x" * 1024 * 1024 + b'"}', 413),
    ],
)  # fmt: skip
def test_bad_bodies(admin, raw, status):
    answer = admin("POST", "/api/v1/keys", data=raw, content_type="application/json")
    assert answer.status_code == status, answer.text[:300]
    assert answer.mimetype == "application/problem+json"


def test_a_wrong_content_type_is_415(admin):
    answer = admin("POST", "/api/v1/keys", data=b"a=1", content_type="text/plain")
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/keys?limit=0", "/api/v1/keys?limit=101", "/api/v1/keys?limit=1e1",
        "/api/v1/keys?limit=" + "9" * 5000, "/api/v1/keys?nonsense=1", "/api/v1/keys?cursor=x",
        "/api/v1/ops/health?a=1", "/api/v1/ops/deliveries?since=yesterday",
        "/api/v1/ops/deliveries?source=%00", "/api/v1/ops/deliveries?state=odd",
    ],
)  # fmt: skip
def test_bad_parameters_are_422_by_name(admin, path):
    answer = admin("GET", path)
    assert answer.status_code == 422
    assert answer.json["errors"]


@pytest.mark.parametrize(
    "path", ["/api/v1/ops/deliveries/99999999999999999999", "/api/v1/ops/deliveries/5", "/a%00b"]
)
def test_unknown_addresses_are_404(admin, path):
    assert admin("GET", path).status_code == 404


def test_security_headers(make_app):
    headers = make_app().test_client().get("/nowhere").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" not in headers
    https = make_app(PUBLIC_URL="https://shop.example").test_client()
    assert https.get("/nowhere").headers["Strict-Transport-Security"]
    assert https.get("/admin/sign-in/x").headers["Referrer-Policy"] == "no-referrer"
