"""Setting Chatwoot up and keeping, encrypted, what was learned: for the verbs `provision` and `up`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from app import Mendline
from bridge.cli.parts import OPERATOR
from chatwoot import provision
from chatwoot.client import Client
from chatwoot.integration import LEARNED
from chatwoot.provision import Change, Learned
from crm.core import audit, vault
from crm.core.errors import Conflict


def client_of(parts: Mendline) -> Client:
    """Raises Conflict when there is no Chatwoot to call."""
    if parts.client is None:
        raise Conflict("set CHATWOOT_URL, CHATWOOT_ACCOUNT_ID and CHATWOOT_API_TOKEN first")
    return parts.client


def learned(parts: Mendline) -> Learned:
    """What an earlier provisioning learned."""
    with parts.units() as uow:
        return Learned(**(vault.get(uow, parts.seal, LEARNED) or {}))


def carry_out(
    parts: Mendline, *, manifest_path: Path = provision.SHIPPED, dry_run: bool = False
) -> list[Change]:
    """Make Chatwoot fit the manifest, or only tell what would change."""
    client, settings = client_of(parts), parts.settings
    manifest = provision.load_manifest(manifest_path, timezone=settings.shop_timezone)
    known, token = learned(parts), settings.chatwoot.webhook_token
    told = {"learned": known, "webhook_token": token}
    changes = provision.plan(client, manifest, settings.public_url, **told)
    if dry_run:
        return changes
    news = provision.apply(client, manifest, settings.public_url, **told)
    done = [f"{one.action} {one.kind} {one.name}" for one in changes if one.action != "ok"]
    with parts.units() as uow:
        vault.put(uow, parts.seal, LEARNED, asdict(news))
        audit.write(uow, OPERATOR, "chatwoot.provision", "chatwoot", {"changes": done})
    return changes
