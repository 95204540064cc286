"""A sandbox with a website inbox, callers for its API, and a receiver for its webhooks."""

from __future__ import annotations

import http.server
import json
import threading
from dataclasses import dataclass, field

import pytest

from chatwoot.sandbox import create_sandbox

ACCOUNT = "/api/v1/accounts/1"
SECRET = "fixedsecret24characters0"


class Caller:
    """Calls the API under the account with one token."""

    def __init__(self, client, token):
        self.client = client
        self.headers = {"Api-Access-Token": token} if token else {}

    def __call__(self, method, path, json=None, **more):
        return self.client.open(
            ACCOUNT + path, method=method, json=json, headers=self.headers, **more
        )


class Sandbox:
    """One app with its callers; `widget` is the id of its website inbox."""

    def __init__(self, path=None, version="4.14.1"):
        self.app = create_sandbox(
            path, public_url="http://127.0.0.1:1", webhook_secret=SECRET, version=version
        )
        self.site = self.app.extensions["sandbox"]
        self.client = self.app.test_client()
        given = self.client.get("/sandbox/api/credentials").json
        self.agent_id = given["agent_id"]
        self.admin = Caller(self.client, given["admin_token"])
        self.agent = Caller(self.client, given["agent_token"])
        self.stranger = Caller(self.client, None)

    def control(self, method, path, body=None):
        return self.client.open(f"/sandbox/api{path}", method=method, json=body)

    def make_widget(self, **values):
        channel = {"type": "web_widget", "website_url": "https://shop.example.test"}
        body = {"name": "Website", "channel": channel, **values}
        return self.admin("POST", "/inboxes", body).json

    def customer(self, **values):
        answer = self.control("POST", "/customers", {"name": "Ada Marsh", **values})
        assert answer.status_code == 201, answer.text
        return answer.json["contact"]["id"]

    def write(self, contact_id, content="Hello"):
        answer = self.control("POST", f"/customers/{contact_id}/messages", {"content": content})
        assert answer.status_code == 201, answer.text
        return answer.json

    def faults(self, **values):
        assert self.control("PUT", "/faults", values).status_code == 200

    def settle(self):
        assert self.site.hooks.courier.wait_until_idle(10)


@dataclass
class Receiver:
    """A web server that keeps what it is sent; `answers` are the next statuses."""

    url: str = ""
    requests: list = field(default_factory=list)
    answers: list = field(default_factory=list)

    def bodies(self, event=None):
        bodies = [json.loads(raw) for _, raw in self.requests]
        return [body for body in bodies if event in (None, body["event"])]


@pytest.fixture
def receiver():
    kept = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            kept.requests.append((dict(self.headers), raw))
            self.send_response(kept.answers.pop(0) if kept.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture
def sandbox():
    made = Sandbox()
    made.widget = made.make_widget()["id"]
    return made


@pytest.fixture
def old_sandbox():
    made = Sandbox(version="3.9.0")
    made.widget = made.make_widget()["id"]
    return made


@pytest.fixture
def make_sandbox():
    return Sandbox
