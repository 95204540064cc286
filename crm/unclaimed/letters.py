"""Letters about a device that nobody collects: which is due and when, and the proof of its sending.

The shop prints and posts them itself. A letter needs its forerunner's proof and its own clock; the
clock of a device on hold stands, so no letter goes out then. How one looks is `paper.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.invoices import company
from crm.payments import queries as payments
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.unclaimed import queries, rules
from crm.unclaimed.law import SALE, Law, LetterKind, law
from crm.unclaimed.models import UnclaimedLetter


@dataclass(frozen=True)
class Sent:
    """sell_on: the day of the sale as the letter names it; letters without a sale have none."""

    how: str
    sent_on: date
    reference: str
    sell_on: date | None = None


@dataclass(frozen=True)
class Next:
    """day: counted like the wait; None for letters. on: earliest day; None while on hold."""

    name: str
    day: int | None
    on: date | None


@dataclass(frozen=True)
class Draft:
    """A letter as it would go out on a day, or as it went."""

    kind: LetterKind
    on: date
    forerunner_on: date | None
    owed_minor: int | None
    currency: str
    sell_on: date | None


def following(uow: UnitOfWork, shop: Shop, repair: Repair) -> Next | None:
    """What comes next for a ready repair, by itself or by letter; at the end its sale."""
    wait = queries.wait(uow, repair, shop.timezone)
    today = uow.now.astimezone(shop.timezone).date()
    if step := wait.next_step:
        on = today + timedelta(days=max(step.day - wait.days, 0))
        return Next(step.name, step.day, None if wait.is_paused else on)
    known = law(company.seller(uow, shop).facts.country)
    if known is None:
        return None
    sent = of_repair(uow, repair)
    for kind in known.kinds:
        if kind.name not in sent:
            on = _earliest(kind, sent, wait, today)
            return Next(kind.name, None, None if wait.is_paused else max(on, today))
    days = [letter.sell_on for letter in sent.values() if letter.sell_on]
    return Next(SALE, None, None if wait.is_paused else max(days)) if days else None


def of_repair(uow: UnitOfWork, repair: Repair) -> dict[str, UnclaimedLetter]:
    """What was sent since the device became ready: step -> proof."""
    query = select(UnclaimedLetter).where(
        UnclaimedLetter.repair_id == repair.id, UnclaimedLetter.ready_at == repair.status_at
    )
    return {letter.step: letter for letter in uow.session.scalars(query)}


def draft(uow: UnitOfWork, shop: Shop, repair: Repair, step: str) -> Draft:
    """The letter as of today, or the copy of one that was sent.

    Raises NotFound, Conflict (`not-waiting`, `on-hold`, `letter-too-early`).
    """
    kind = _kind(law_of(uow, shop), step)
    sent = of_repair(uow, repair)
    before = sent.get(kind.after)
    if gone := sent.get(step):
        return Draft(kind, gone.sent_on, before.sent_on if before else None,
                     gone.owed_minor, repair.currency, gone.sell_on)  # fmt: skip
    today = uow.now.astimezone(shop.timezone).date()
    _check_turn(uow, shop, repair, kind, today)
    owed, currency = _owed(uow, repair)
    sell_on = kind.sale.earliest(today, is_settled=owed == 0) if kind.sale else None
    return Draft(kind, today, before.sent_on if before else None, owed, currency, sell_on)


def record(
    uow: UnitOfWork, shop: Shop, ref: str, step: str, sent: Sent, actor: Actor
) -> UnclaimedLetter:
    """Keep the proof of a sending.

    Raises NotFound, Conflict (see `draft`, and `letter-sent`), Invalid.
    """
    repair = repairs.find(uow, Address(ref=ref))
    kind = _kind(law_of(uow, shop), step)
    if step in of_repair(uow, repair):
        raise Conflict("the sending of this letter is recorded already", code="letter-sent")
    _check_turn(uow, shop, repair, kind, sent.sent_on)
    owed, _ = _owed(uow, repair)
    _check_sent(kind, sent, uow.now.astimezone(shop.timezone).date(), is_settled=owed == 0)
    letter = UnclaimedLetter(
        repair_id=repair.id, ready_at=repair.status_at, step=step, how=sent.how,
        sent_on=sent.sent_on, reference=sent.reference, owed_minor=owed, sell_on=sent.sell_on,
        recorded_at=uow.now, recorded_by=actor.name,
    )  # fmt: skip
    uow.session.add(letter)
    told = {"step": step, "how": sent.how, "sent_on": sent.sent_on.isoformat()}
    if sent.sell_on:
        told["sell_on"] = sent.sell_on.isoformat()
    repairs.note(uow, Address(ref=repair.ref), actor, outcome="letter_sent", details=told)
    audit.write(uow, actor, "letter.send", repair.ref, told)
    uow.session.flush()
    return letter


def law_of(uow: UnitOfWork, shop: Shop) -> Law:
    """Of the company's country. Raises NotFound."""
    known = law(company.seller(uow, shop).facts.country)
    if known is None:
        raise NotFound("no letters are known for the shop's country")
    return known


def _kind(known: Law, step: str) -> LetterKind:
    kind = next((one for one in known.kinds if one.name == step), None)
    if kind is None:
        raise NotFound(f"no such letter; there are {', '.join(one.name for one in known.kinds)}")
    return kind


def _check_turn(uow: UnitOfWork, shop: Shop, repair: Repair, kind: LetterKind, day: date) -> None:
    if repair.status != RepairStatus.READY_PICKUP or RepairFlag.CANCELLED in repair.flags:
        raise Conflict("the device does not wait for its owner", code="not-waiting")
    wait = queries.wait(uow, repair, shop.timezone)
    if wait.is_paused:
        raise Conflict("the repair is on hold, so its clock stands", code="on-hold")
    today = uow.now.astimezone(shop.timezone).date()
    sent = of_repair(uow, repair)
    earliest = _earliest(kind, sent, wait, today)
    if kind.after not in sent and kind.after not in wait.done:
        told = f"{kind.after} comes first; this letter not before {max(earliest, today)}"
        raise Conflict(told, code="letter-too-early")
    if day < earliest:
        told = f"this letter goes out on {earliest} at the earliest"
        raise Conflict(told, code="letter-too-early")


def _earliest(
    kind: LetterKind, sent: dict[str, UnclaimedLetter], wait: queries.Wait, today: date
) -> date:
    """With its forerunners' clocks where those were not sent, as if each were sent in time."""
    known = {one.name: one.day for one in rules.rules().steps}
    if kind.after in known:
        begun = today + timedelta(days=known[kind.after] - wait.days)
    elif before := sent.get(kind.after):
        begun = before.sent_on
    else:
        begun = max(today, today + timedelta(days=known[rules.STORAGE] - wait.days))
    return begun + timedelta(days=kind.wait_days)


def _owed(uow: UnitOfWork, repair: Repair) -> tuple[int | None, str]:
    """What is open on invoices; None while nothing was invoiced, for then it is not known."""
    standing = payments.standing(uow, repair.id)
    if not (standing.invoiced_minor or standing.open_minor):
        return None, standing.currency
    return max(standing.open_minor, 0), standing.currency


def _check_sent(kind: LetterKind, sent: Sent, today: date, *, is_settled: bool) -> None:
    errors: dict[str, list[str]] = {}
    if sent.sent_on > today:
        errors["sent_on"] = ["Not after today."]
    if sent.how not in kind.ways:
        errors["how"] = [f"This letter goes by: {', '.join(kind.ways)}."]
    if sent.how == "recorded_post" and not sent.reference.strip():
        errors["reference"] = ["Give the number of the posting."]
    if kind.sale is None and sent.sell_on:
        errors["sell_on"] = ["This letter names no sale."]
    if kind.sale:
        earliest = kind.sale.earliest(sent.sent_on, is_settled=is_settled)
        if sent.sell_on is None or sent.sell_on < earliest:
            errors["sell_on"] = [f"The day the letter names, {earliest} or later."]
    if errors:
        raise Invalid("this proof does not hold", errors=errors)
