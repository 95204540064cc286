"""Compares the wanted rows with the account and, unless it is a dry run, writes the difference.

One pass serves both, so that a dry run shows what a real one does. A pass that breaks off half
way is simply run again: rows already made are found by their natural key.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from chatwoot.client import Client
from chatwoot.provision import wanted as want
from chatwoot.provision.manifest import Manifest
from chatwoot.provision.wanted import Row, Wanted
from crm.core.errors import Invalid


@dataclass(frozen=True)
class Change:
    """action: create, update, adopt (fits as it is; its id and secrets are new to us) or ok.

    differences: field -> (there, wanted), only for update. Tokens are masked.
    """

    kind: str
    name: str
    action: str
    differences: dict[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Learned:
    """What only Chatwoot can tell; a later run takes it to know which rows are already ours."""

    webhook_id: int | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    inbox_id: int | None = None
    website_token: str | None = None
    hmac_token: str | None = field(default=None, repr=False)
    bot_id: int | None = None
    bot_token: str | None = field(default=None, repr=False)
    bot_secret: str | None = field(default=None, repr=False)


def plan(
    client: Client,
    manifest: Manifest,
    public_url: str,
    *,
    learned: Learned | None = None,
    webhook_token: str | None = None,
) -> list[Change]:
    """What `apply` would do; writes nothing.

    learned: from an earlier run. webhook_token: the secret path of address mode; used only when
    this Chatwoot does not sign. Raises as the client does, Invalid when the manifest asks for
    something this version cannot do safely.
    """
    return _pass(client, manifest, public_url, learned, webhook_token, write=False)[0]


def apply(
    client: Client,
    manifest: Manifest,
    public_url: str,
    *,
    learned: Learned | None = None,
    webhook_token: str | None = None,
) -> Learned:
    """Make it so, and return what was learned; fields Chatwoot did not tell stay as they were."""
    return _pass(client, manifest, public_url, learned, webhook_token, write=True)[1]


def _pass(
    client: Client,
    manifest: Manifest,
    public_url: str,
    learned: Learned | None,
    webhook_token: str | None,
    *,
    write: bool,
) -> tuple[list[Change], Learned]:
    public_url = public_url.rstrip("/")
    can = client.installation.capabilities()
    if not can.signs_webhooks and not webhook_token:
        raise Invalid("This Chatwoot does not sign webhooks: set CHATWOOT_WEBHOOK_TOKEN.")
    if manifest.bot["connect"] and not can.signs_bot_webhooks:
        raise Invalid("bot.connect: this Chatwoot does not sign what it sends to a bot.")
    run = _Run(client, write, learned or Learned())

    run.settle(want.labels(manifest))
    run.settle(want.attribute_definitions(manifest))
    run.settle(want.canned_responses(manifest))
    teams = run.settle(want.teams(manifest))
    team_ids = {name.lower(): row.get("id") for name, row in teams.items()}
    run.settle(want.macros(manifest, team_ids))
    run.settle([want.dashboard_app(manifest, public_url)])

    token = None if can.signs_webhooks else webhook_token
    hook = want.webhook(manifest, public_url, token, can.names_webhooks)
    run.learn(hook, webhook_id="id", webhook_secret="secret")
    bot = run.learn(
        want.agent_bot(manifest, public_url),
        bot_id="id", bot_token="access_token", bot_secret="secret",
    )  # fmt: skip
    inbox = run.learn(
        want.inbox(manifest, public_url),
        inbox_id="id", website_token="website_token", hmac_token="hmac_token",
    )  # fmt: skip
    if manifest.bot["connect"]:
        run.connect(inbox, bot)
    return run.changes, run.learned


class _Run:
    def __init__(self, client: Client, write: bool, learned: Learned):
        self.changes: list[Change] = []
        self.learned = learned
        self._account = client.account
        self._write = write
        self._rows: dict[str, list[Row]] = {}

    def settle(self, wanted: list[Wanted]) -> dict[str, Row]:
        """Rows by name; a row that a dry run has not made is empty."""
        return {item.name: self._settle_one(item) for item in wanted}

    def learn(self, item: Wanted, **told_by: str) -> Row:
        """settle, and keep what the row tells; told_by: field of Learned -> field of the row."""
        id_field = next(name for name, source in told_by.items() if source == "id")
        known_id = getattr(self.learned, id_field)
        row = self._settle_one(item)
        if self.changes[-1].action == "ok" and row["id"] != known_id:
            self.changes[-1] = replace(self.changes[-1], action="adopt")
        told = {name: row[source] for name, source in told_by.items() if row.get(source)}
        if known_id not in (None, row.get("id")):
            # Another row than last time: none of its predecessor's secrets fit.
            self.learned = replace(self.learned, **dict.fromkeys(told_by))
        self.learned = replace(self.learned, **told)
        return row

    def connect(self, inbox: Row, bot: Row) -> None:
        """Connect the bot to the inbox (api.md 5.3)."""
        there = self._account.inbox_agent_bot(inbox["id"]) if inbox else None
        name = "bot of the website inbox"
        if there and there["id"] == bot.get("id"):
            self.changes.append(Change("inbox_agent_bot", name, "ok"))
            return
        differences = {"agent_bot": (there and there["name"], bot.get("name"))}
        action = "update" if there else "create"
        self.changes.append(Change("inbox_agent_bot", name, action, differences))
        if self._write:
            self._account.set_agent_bot(inbox["id"], bot["id"])

    def _settle_one(self, item: Wanted) -> Row:
        row = self._find(item)
        if row is None:
            self.changes.append(Change(item.kind, item.name, "create"))
            return self._create(item) if self._write else {}
        differing = want.differences(item.fields, row)
        if differing:
            shown = {name: tuple(map(_without_token, pair)) for name, pair in differing.items()}
            self.changes.append(Change(item.kind, item.name, "update", shown))
            return self._update(item, row, list(differing)) if self._write else row
        self.changes.append(Change(item.kind, item.name, "ok"))
        return row

    def _find(self, item: Wanted) -> Row | None:
        rows = self._rows_of(item.kind)
        for same in item.same:
            for row in rows:
                if same(row):
                    return row
        return None

    def _rows_of(self, kind: str) -> list[Row]:
        if kind not in self._rows:
            if kind == "attribute_definitions":
                # Without the parameter older versions list one model only.
                models = ("contact_attribute", "conversation_attribute")
                self._rows[kind] = [
                    row
                    for model in models
                    for row in self._account.items(kind, attribute_model=model)
                ]
            else:
                self._rows[kind] = self._account.items(kind)
        return self._rows[kind]

    def _create(self, item: Wanted) -> Row:
        body = want.body(item, item.fields)
        if item.kind == "inboxes":
            body["channel"]["type"] = "web_widget"
        row = self._account.create(item.kind, body)
        # Working hours are not read on create (api.md 5.2).
        late = list(want.differences(item.fields, row)) if item.kind == "inboxes" else []
        return self._update(item, row, late) if late else row

    def _update(self, item: Wanted, row: Row, names: list[str]) -> Row:
        fields = {name: item.fields[name] for name in names}
        if item.kind == "webhooks":
            # Without its list Chatwoot may fall back to the default subscriptions.
            fields["subscriptions"] = item.fields["subscriptions"]
        return row | self._account.update(item.kind, row["id"], want.body(item, fields))


def _without_token(value: Any) -> Any:
    """The address of a webhook in address mode ends in a secret."""
    if not isinstance(value, str) or f"{want.HOOK_PATH}/" not in value or value.endswith("/bot"):
        return value
    return value.split(want.HOOK_PATH)[0] + want.HOOK_PATH + "/…"
