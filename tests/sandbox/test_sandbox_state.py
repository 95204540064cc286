"""Restarts, resets, faults on the API, the control API's guard, and a real server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest
import requests


def test_state_survives_a_restart(tmp_path, make_sandbox):
    path = tmp_path / "state.db"
    first = make_sandbox(path)
    first.make_widget()
    contact = first.customer(email="a@b.test")
    number = first.write(contact, "one")["conversation_id"]
    first.admin("POST", f"/conversations/{number}/labels", {"labels": ["x"]})
    before = first.control("GET", "/state").json
    second = make_sandbox(path)
    assert second.admin.headers == first.admin.headers
    after = second.control("GET", "/state").json
    assert after["conversations"] == before["conversations"]
    assert after["contacts"] == before["contacts"]
    assert second.admin("POST", "/contacts", {"email": "a@b.test"}).status_code == 422
    assert second.write(contact, "two")["conversation_id"] == number


def test_reset_keeps_settings_and_never_reuses_ids(sandbox):
    message = sandbox.write(sandbox.customer())
    sandbox.faults(webhook_drop=1)
    assert sandbox.control("POST", "/reset", {}).status_code == 200
    assert sandbox.control("GET", "/state").json["counts"]["contacts"] == 0
    assert sandbox.control("GET", "/faults").json["webhook_drop"] == 0
    again = sandbox.write(sandbox.customer())
    assert again["id"] > message["id"]
    assert again["conversation_id"] > message["conversation_id"]


def messages(box, number):
    return box.admin("GET", f"/conversations/{number}/messages").json["payload"]


@pytest.mark.parametrize(
    ("switch", "status"), [("api_500_after_save", 500), ("api_cut_after_save", 502)]
)
def test_saved_but_not_told(sandbox, switch, status):
    number = sandbox.write(sandbox.customer())["conversation_id"]
    sandbox.faults(**{switch: {"next": 1}})
    path, body = f"/conversations/{number}/messages", {"content": "kept"}
    assert sandbox.admin("GET", path).status_code == 200, "reads are spared"
    assert sandbox.admin("POST", path, body).status_code == status
    assert messages(sandbox, number)[-1]["content"] == "kept"
    assert sandbox.admin("POST", path, body).status_code == 200


def test_forced_statuses_come_in_turn(sandbox):
    wanted = [{"status": 429, "count": 1, "retry_after": 7}, {"status": 503, "count": 2}]
    sandbox.faults(api_status_next=wanted)
    answers = [sandbox.admin("GET", "/labels") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "wrong",
    [{"webhook_drop": 2}, {"nonsense": 1}, {"refuse": "yes"}, {"webhook_delay_ms": [5, 1]}],
)
def test_wrong_switches_change_nothing(sandbox, wrong):
    before = sandbox.control("GET", "/faults").json
    assert sandbox.control("PUT", "/faults", wrong).status_code == 422
    assert sandbox.control("GET", "/faults").json == before


def test_control_answers_only_this_machine(sandbox):
    path = "/sandbox/api/credentials"
    foreign = sandbox.client.get(path, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    rebound = sandbox.client.get(path, headers={"Host": "evil.example"})
    proxied = sandbox.client.get(path, headers={"X-Forwarded-For": "203.0.113.9"})
    form = sandbox.client.post("/sandbox/api/reset", data={"a": "b"})
    codes = [answer.status_code for answer in (foreign, rebound, proxied, form)]
    assert codes == [403, 403, 403, 415]


def test_attachment_is_kept_and_served(sandbox):
    contact = sandbox.customer()
    file = {"filename": "../a b.txt", "content_type": "text/html", "base64": "aGk="}
    body = {"content": None, "attachments": [file]}
    message = sandbox.control("POST", f"/customers/{contact}/messages", body).json
    [attachment] = message["attachments"]
    assert (attachment["file_size"], attachment["file_type"]) == (2, "file")
    served = sandbox.client.get(attachment["data_url"].removeprefix("http://127.0.0.1:1"))
    assert served.data == b"hi"
    assert served.headers["Content-Disposition"].startswith("attachment")


def test_page_is_served_with_a_policy(sandbox):
    page = sandbox.client.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "stand-in" in page.text


@pytest.fixture
def server(tmp_path):
    """The sandbox under gunicorn on a free port; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "SANDBOX_PUBLIC_URL": url,
        "SANDBOX_STATE": str(tmp_path / "state.db"),
    }
    command = [sys.executable, "-m", "gunicorn", "-w", "1", "--threads", "8", "-b",
               f"127.0.0.1:{port}", "--no-control-socket", "--log-level", "error",
               "chatwoot.sandbox.wsgi:app"]  # fmt: skip
    process = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                requests.get(f"{url}/health", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def test_real_server_cuts_the_line_after_saving(server):
    given = requests.get(f"{server}/sandbox/api/credentials", timeout=5).json()
    headers = {"Api-Access-Token": given["admin_token"]}
    account = f"{server}/api/v1/accounts/1"
    switch = {"api_cut_after_save": {"next": 1}}
    requests.put(f"{server}/sandbox/api/faults", json=switch, timeout=5)
    with pytest.raises(requests.ConnectionError):
        body = {"name": "Sara", "email": "sara@example.test"}
        requests.post(f"{account}/contacts", json=body, headers=headers, timeout=5)
    found = requests.get(f"{account}/contacts", headers=headers, timeout=5).json()
    assert [row["email"] for row in found["payload"]] == ["sara@example.test"]
    requests.put(f"{server}/sandbox/api/faults", json={"refuse": True}, timeout=5)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server}/api", timeout=5)
