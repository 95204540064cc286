"""Commands on files: file drafts, release, pair, remove; and sweep what no row names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, select, text

from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork, Units
from crm.files import rules
from crm.files.events import FileAdded, FileReleased, FileRemoved
from crm.files.models import File
from crm.files.receiving import Draft
from crm.files.store import Store

log = structlog.get_logger(__name__)

# Longer than any request or delivery takes, so nothing under way is swept.
STALE_SECONDS = 3600.0


@dataclass(frozen=True)
class Owner:
    """Whose files they are: one of the two is set."""

    repair_id: int | None = None
    ticket_id: int | None = None

    def is_of(self) -> ColumnElement[bool]:
        if self.repair_id is not None:
            return File.repair_id == self.repair_id
        return File.ticket_id == self.ticket_id


@dataclass(frozen=True)
class Filing:
    """How drafts are filed. source: `api`, `link` or `chat`. external_id: the sender's own.

    stage, pair: a picture before or after the work; without a number `before` opens the next pair
    and `after` completes the oldest open one.
    """

    source: str
    actor: Actor
    is_public: bool = False
    stage: rules.Stage | None = None
    pair: int | None = None
    external_id: str | None = None


def add(
    uow: UnitOfWork, store: Store, owner: Owner, drafts: Sequence[Draft], filing: Filing
) -> list[File]:
    """File all of them or none; bytes that are filed already are not filed again.

    Raises Invalid (`full`: past 100 MB; `stage`: not for several, documents or tickets), Conflict
    (`pair-taken`). Nothing is kept on disk then.
    """
    _lock(uow, owner)
    known = {file.digest: file for file in uow.session.scalars(select(File).where(owner.is_of()))}
    pair = _pair(owner, drafts, known, filing)
    fresh = {draft.digest: draft for draft in drafts if draft.digest not in known}
    used = sum(file.size_bytes for file in known.values())
    if used + sum(draft.size_bytes for draft in fresh.values()) > rules.MOST_OWNER_BYTES:
        raise Invalid("There is no room left: 100 MB are stored here.", code="full")
    for digest, draft in fresh.items():
        known[digest] = _file(uow, store, owner, draft, filing)
    files = [known[digest] for digest in dict.fromkeys(draft.digest for draft in drafts)]
    for file in files:
        if filing.stage is not None:
            file.stage, file.pair = filing.stage, pair
        if filing.is_public:
            release(uow, file, True, filing.actor)
    uow.session.flush()
    return files


def by_key(uow: UnitOfWork, key: str) -> File:
    """Raises NotFound."""
    file = uow.session.scalars(select(File).where(File.key == key)).first()
    if file is None:
        raise NotFound("no such file")
    return file


def to_change(uow: UnitOfWork, key: str) -> File:
    """As `by_key`, held until the unit ends: nobody else files, pairs or removes here."""
    file = by_key(uow, key)
    _lock(uow, Owner(file.repair_id, file.ticket_id))
    uow.session.expunge(file)
    return by_key(uow, key)


def release(uow: UnitOfWork, file: File, is_public: bool, actor: Actor) -> None:
    """Show it on the tracking page, or no longer."""
    if file.is_public != is_public:
        file.is_public = is_public
        uow.record(FileReleased(file.id, actor, file.repair_id, file.ticket_id, is_public))


def set_pair(uow: UnitOfWork, file: File, stage: rules.Stage, pair: int | None) -> None:
    """Make a file `to_change` the `before` or `after` of a pair. Raises Invalid, Conflict."""
    owner = Owner(file.repair_id, file.ticket_id)
    others = select(File).where(owner.is_of(), File.id != file.id)
    if not file.is_picture or owner.repair_id is None:
        raise _no_stage()
    file.stage, file.pair = stage, _number(stage, pair, list(uow.session.scalars(others)))


def remove(uow: UnitOfWork, file: File, actor: Actor) -> None:
    """Drop the row of a file `to_change`. The caller drops the bytes after the commit."""
    uow.record(FileRemoved(file.id, actor, file.repair_id, file.ticket_id, file.is_public))
    uow.session.delete(file)


def sweep(units: Units, store: Store, older_than_seconds: float = STALE_SECONDS) -> None:
    """The duty `files.sweep`: remove drafts and files that a crash left without a row."""
    drafts, orphans = store.drop_drafts(older_than_seconds), 0
    for keys in store.kept(older_than_seconds):
        with units() as uow:
            named = set(uow.session.scalars(select(File.key).where(File.key.in_(keys))))
        for key in set(keys) - named:
            store.drop(key)
            orphans += 1
    if drafts or orphans:
        log.info("files swept", drafts=drafts, orphans=orphans)


def _lock(uow: UnitOfWork, owner: Owner) -> None:
    """Room and pair numbers are counted, and files changed, by one at a time."""
    name = f"files:{owner.repair_id or ''}:{owner.ticket_id or ''}"
    uow.session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
    )


def _file(uow: UnitOfWork, store: Store, owner: Owner, draft: Draft, filing: Filing) -> File:
    file = File(
        key=store.keep(draft.folder),
        repair_id=owner.repair_id,
        ticket_id=owner.ticket_id,
        name=draft.name,
        content_type=draft.content_type,
        size_bytes=draft.size_bytes,
        width=draft.width,
        height=draft.height,
        digest=draft.digest,
        is_public=False,
        source=filing.source,
        external_id=filing.external_id,
        actor_kind=filing.actor.kind,
        actor_name=filing.actor.name,
        created_at=uow.now,
    )
    uow.session.add(file)
    uow.session.flush()
    uow.record(FileAdded(file.id, filing.actor, owner.repair_id, owner.ticket_id))
    return file


def _pair(
    owner: Owner, drafts: Sequence[Draft], known: Mapping[str, File], filing: Filing
) -> int | None:
    if filing.stage is None:
        if filing.pair is not None:
            raise Invalid("Say whether it is before or after.", code="stage")
        return None
    if owner.repair_id is None or len(drafts) != 1 or drafts[0].width is None:
        raise _no_stage()
    others = [file for digest, file in known.items() if digest != drafts[0].digest]
    return _number(filing.stage, filing.pair, others)


def _no_stage() -> Invalid:
    return Invalid("Before and after are single pictures of a repair.", code="stage")


def _number(stage: rules.Stage, wish: int | None, others: Sequence[File]) -> int:
    taken = {file.pair for file in others if file.stage == stage}
    if wish is not None:
        if wish in taken:
            raise Conflict(f"pair {wish} has its `{stage}`", code="pair-taken")
        return wish
    begun = {file.pair for file in others if file.pair is not None}
    waiting = begun - taken if stage is rules.Stage.AFTER else set()
    free = sorted(waiting) or [n for n in range(1, rules.MOST_PAIRS + 1) if n not in begun]
    if not free:
        raise Conflict("there are as many pairs as a repair can have", code="pair-taken")
    return free[0]
