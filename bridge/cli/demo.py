"""The verb `demo`: a scripted afternoon in the running sandbox, and what came of it.

It acts from outside only: as a customer and an agent in the sandbox, as a shop system at the
webhook address, and reads the result from the sandbox and from our API.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from bridge.cli.parts import OPERATOR, service
from crm.core.errors import Temporary
from crm.staff import service as staff
from crm.staff.service import NewKey

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Stage:
    """url, sandbox: where both answer. till: the shop system that plays along. desk: who looks."""

    url: str
    sandbox: str
    till: NewKey
    desk: NewKey

    def play(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(
            method, f"{self.sandbox}/sandbox/api{path}", json=body, timeout=10
        )
        answer.raise_for_status()
        return answer.json()

    def ask(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.desk.key}"}
        answer = requests.get(f"{self.url}/api/v1{path}", headers=headers, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def post_event(self, kind: str, data: dict[str, Any]) -> None:
        """Post one shop event, signed as Standard Webhooks asks."""
        body = json.dumps({"type": kind, "timestamp": _now(), "data": data}).encode()
        message_id, timestamp = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
        secret = base64.b64decode(self.till.webhook_secret.removeprefix("whsec_"))
        signed = f"{message_id}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        answer = requests.post(
            self.url + self.till.webhook_path,
            data=body,
            headers={
                "Content-Type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": timestamp,
                "webhook-signature": f"v1,{signature}",
            },
            timeout=10,
        )
        answer.raise_for_status()


def run(args: argparse.Namespace) -> None:
    """Raises Temporary when nobody answers or the afternoon does not get on."""
    try:
        with _stage(args) as stage:
            _play(stage, args)
    except requests.RequestException as error:
        where = error.request.url if error.request is not None else "the service"
        raise Temporary(f"no good answer from {where}: is `app.py up` running there?") from error


def _play(stage: Stage, args: argparse.Namespace) -> None:
    agent = stage.play("GET", "/credentials")["agent_id"]
    say = print if not args.json else (lambda *_: None)
    ada = stage.play("POST", "/customers", {
        "name": "Ada Marsh", "email": f"ada.{uuid.uuid4().hex[:6]}@example.test"})  # fmt: skip
    contact = (ada.get("contact") or ada)["id"]
    said = stage.play("POST", f"/customers/{contact}/messages",
                      {"content": "Hi! My iPhone 13 fell. Can you mend the screen?"})  # fmt: skip
    number = said["conversation_id"]
    say(f"14:02  Ada writes in the widget: conversation {number}")
    ticket = _until(lambda: _first(stage.ask(f"/tickets?conversation_id={number}")))
    say(f"14:02  {ticket['ref']} is opened for her")

    external_id = f"JOB-{uuid.uuid4().hex[:6].upper()}"
    stage.post_event("repair.created", {
        "external_id": external_id, "device": "iPhone 13", "problem": "cracked screen",
        "conversation_id": number, "version": 1,
    })  # fmt: skip
    repair = _until(lambda: _first(stage.ask(f"/repairs?external_id={external_id}")))
    say(f"14:20  the till takes the phone in: {repair['ref']}")
    for version, status in enumerate(("diagnosing", "repairing", "testing"), start=2):
        stage.post_event("repair.status_changed", {
            "external_id": external_id, "status": status, "version": version,
            "technician": "Sam",
        })  # fmt: skip
        say(f"1{2 + version}:35  the bench reports {status}")
        _until(lambda s=status: stage.ask(f"/repairs/{repair['ref']}")["status"] == s)
    stage.post_event("repair.status_changed", {
        "external_id": external_id, "status": "diagnosing", "version": 1})  # fmt: skip
    say("16:40  an old report of the bench arrives late: it must change nothing")
    stage.play("POST", f"/agents/{agent}/messages", {
        "conversation_id": number, "private": True, "content": "!ready spare cable in the bag"})  # fmt: skip
    say("16:55  Tom writes a private note: !ready spare cable in the bag")
    _until(lambda: stage.ask(f"/repairs/{repair['ref']}")["status"] == "ready_pickup")
    _until(lambda: _is_quiet(stage, number))
    result = _evidence(stage, number, repair["ref"])
    if args.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(result)))


@contextmanager
def _stage(args: argparse.Namespace) -> Iterator[Stage]:
    with service() as parts:
        with parts.units() as uow:
            keys = [
                staff.create_key(uow, parts.seal, OPERATOR, name=f"Demo {name}", role=role)
                for name, role in (("till", "shop"), ("desk", "desk"))
            ]
        try:
            settings = parts.settings
            url = args.url or f"http://127.0.0.1:{settings.port}"
            sandbox = (
                args.sandbox or settings.chatwoot.url or f"http://127.0.0.1:{settings.port + 1}"
            )
            yield Stage(url.rstrip("/"), sandbox.rstrip("/"), *keys)
        finally:
            with parts.units() as uow:
                for key in keys:
                    staff.revoke_key(uow, OPERATOR, key.id)


def _is_quiet(stage: Stage, number: int) -> bool:
    """All that the afternoon owes Chatwoot has arrived (Tom's message may still be held)."""
    shown = stage.play("GET", f"/conversations/{number}")
    told = shown["meta"]["sender"]["custom_attributes"].get("repair_status")
    return (
        told == "ready_pickup"
        and "repair-ready_pickup" in shown["labels"]
        and any(
            message["private"] and "ready_pickup" in (message["content"] or "")
            for message in shown["messages"]
        )
    )


def _evidence(stage: Stage, number: int, ref: str) -> dict[str, Any]:
    shown = stage.play("GET", f"/conversations/{number}")
    repair = stage.ask(f"/repairs/{ref}")
    return {
        "conversation": f"{stage.sandbox}/#{number}",
        "tracking": repair["tracking_url"],
        "customer_sees": [m["content"] for m in shown["messages"] if not m["private"]],
        "agents_see": [m["content"] for m in shown["messages"] if m["private"]],
        "labels": shown["labels"],
        "conversation_attributes": shown["custom_attributes"],
        "contact_attributes": shown["meta"]["sender"]["custom_attributes"],
        "history": [f"{e['outcome']}: {e['to_status']}"
                    for e in stage.ask(f"/repairs/{ref}/history")["data"]],
        "messages": [f"{n['template']}: {n['state']} ({n['reason']})"
                     for n in stage.ask(f"/notifications?repair={ref}")["data"]],
    }  # fmt: skip


def _lines(result: dict[str, Any]) -> Iterator[str]:
    for title, value in result.items():
        yield ""
        yield title.replace("_", " ").capitalize()
        if isinstance(value, dict):
            yield from (f"  {name} = {one}" for name, one in value.items())
        elif isinstance(value, list):
            yield from ("  - " + str(one).replace("\n", "\n    ") for one in value)
        else:
            yield f"  {value}"


def _first(page: dict[str, Any]) -> Any:
    return page["data"][0] if page["data"] else None


def _until(check: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := check()):
        if time.monotonic() > deadline:
            raise Temporary("the afternoon got stuck: is everything running? see app.py doctor")
        time.sleep(0.1)
    return value


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
