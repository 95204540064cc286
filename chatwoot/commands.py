"""Note commands: an agent drives the bench from a private note (interface.md, last section).

`!status [ref] <status> [note]`, `!ready [ref] [note]`, `!delay [ref] [day] [reason] [note]`,
`!quote [ref] <amount> [words]`, `!link <ref>`, `!help`. A note is signed by Chatwoot's webhook and names the
agent. Every command is answered by one private note: the note about the change itself, or one that
says why nothing was done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from chatwoot.amounts import read_amount
from chatwoot.notes import Notes
from crm import threads
from crm.core import money, refs
from crm.core.errors import Refusal
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.promises import delays
from crm.promises.history import Forecast
from crm.promises.rules import DelayReason
from crm.quotes import drafting
from crm.quotes import rules as quote_rules
from crm.quotes import service as quotes
from crm.repairs import links
from crm.repairs import service as repairs
from crm.repairs.models import REF_PREFIX, Repair
from crm.repairs.rules import Outcome
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from crm.replies import focusing, talks
from crm.tickets.mirror import Said
from crm.tickets.models import Conversation

MOST_NOTE = 1000
ABOUT_NONE = ("none", "nothing", "nenhuma", "nada")
# The words agents say for a status, beside its own name.
SPOKEN = {"ready": RepairStatus.READY_PICKUP, "parts": RepairStatus.WAITING_PARTS,
          "done": RepairStatus.COMPLETED, "collected": RepairStatus.DELIVERED}  # fmt: skip
_REF = re.compile(r"RPR[\s-]*([0-9OIL]{4})[\s-]*([0-9A-Z]{5})(?!\w)", re.IGNORECASE)
_DAY = re.compile(r"\+([0-9]{1,3})d(?!\w)|([0-9]{4}-[0-9]{2}-[0-9]{2})(?!\w)", re.I)
_COMMAND = re.compile(r"!([a-z]+)\b[ \t]*(.*)", re.DOTALL | re.IGNORECASE)


class NotUnderstood(Exception):
    """template: the note that says why nothing was done."""

    def __init__(self, template: str, **values: object):
        super().__init__(template)
        self.template = template
        self.values = values


@dataclass(frozen=True)
class Command:
    name: str
    rest: str


def read(text: str) -> Command | None:
    """The command in a note, None if it is none. Chatwoot's editor escapes signs with backslashes."""
    match = _COMMAND.fullmatch(text.replace("\\", "").strip())
    return Command(match[1].lower(), match[2].strip()) if match else None


def read_status(text: str) -> tuple[RepairStatus | None, str]:
    """The status at the start of `text` and what follows it."""
    words = text.split()
    for count in (2, 1):
        name = "_".join(words[:count]).lower().replace("-", "_").rstrip(":,.")
        status = SPOKEN.get(name) or (RepairStatus(name) if name in list(RepairStatus) else None)
        if status is not None and len(words) >= count:
            return status, " ".join(words[count:])[:MOST_NOTE]
    return None, text


def read_ref(text: str) -> tuple[str | None, str]:
    """A repair reference at the start of `text`, forgiving, and what follows it.

    Raises NotUnderstood for one with a slip: nothing may happen to another repair instead.
    """
    if not text.upper().startswith(REF_PREFIX):
        return None, text
    found = _REF.match(text)
    ref = refs.read(REF_PREFIX, found[0]) if found else None
    if found is None or ref is None:
        raise NotUnderstood("bad_ref", typed=text.split()[0][:40])
    return ref, text[found.end() :].strip()


def read_delay(text: str) -> tuple[int | date | None, DelayReason, str]:
    """Until when (open days from today, or a day), why, and the words for the customer.

    Raises NotUnderstood for a day with a slip: it must not become part of those words.
    """
    found = _DAY.match(text)
    if found is None and text[:1] in set("+0123456789"):
        raise NotUnderstood("which_delay", reasons=list(DelayReason))
    when: int | date | None = None
    if found is not None:
        try:
            when = int(found[1]) if found[1] else date.fromisoformat(found[2])
        except ValueError as error:
            raise NotUnderstood("which_delay", reasons=list(DelayReason)) from error
        text = text[found.end() :].strip()
    words = text.split()
    for count in (2, 1):
        name = "_".join(words[:count]).lower().replace("-", "_").rstrip(":,.")
        if name in list(DelayReason) and len(words) >= count:
            return when, DelayReason(name), " ".join(words[count:])[:MOST_NOTE]
    return when, DelayReason.OTHER, text[:MOST_NOTE]


class Commands:
    """zone: the shop's."""

    def __init__(self, notes: Notes, zone: ZoneInfo):
        self._notes = notes
        self._zone = zone

    def obey(self, uow: UnitOfWork, conversation: Conversation, said: Said, actor: Actor) -> None:
        """Carry out the command in a private note, if it holds one."""
        command = read(said.body)
        if command is None:
            return
        key = f"answer:{said.id}"
        try:
            self._carry_out(uow, conversation, command, actor, key)
        except NotUnderstood as answer:
            values = answer.values | {"command": command.name}
            self._notes.write(uow, conversation, key, answer.template, values)
        except Refusal as refusal:
            values = {"detail": refusal.detail, "code": refusal.code}
            self._notes.write(uow, conversation, key, "refused", values)

    def _carry_out(
        self, uow: UnitOfWork, conversation: Conversation, command: Command, actor: Actor, key: str
    ) -> None:
        if command.name == "link":
            self._link(uow, conversation, command.rest, actor, key)
        elif command.name == "about":
            self._about(uow, conversation, command.rest, actor, key)
        elif command.name == "ready":
            ref, note = read_ref(command.rest)
            self._move(uow, conversation, ref, RepairStatus.READY_PICKUP, note, actor, key)
        elif command.name == "status":
            ref, rest = read_ref(command.rest)
            status, note = read_status(rest)
            if status is None:
                raise NotUnderstood("which_status", statuses=[s.value for s in RepairStatus])
            self._move(uow, conversation, ref, status, note, actor, key)
        elif command.name == "delay":
            self._delay(uow, conversation, command.rest, actor)
        elif command.name == "quote":
            self._quote(uow, conversation, command.rest, actor, key)
        else:
            linked = threads.repairs_of_ticket(uow, conversation.ticket_id)
            raise NotUnderstood(
                "help",
                is_known=command.name == "help",
                statuses=[s.value for s in RepairStatus],
                repairs=[self._notes.of_repair(repair) for repair in linked],
            )

    def _move(
        self,
        uow: UnitOfWork,
        conversation: Conversation,
        ref: str | None,
        status: RepairStatus,
        note: str,
        actor: Actor,
        key: str,
    ) -> None:
        repair = self._meant(uow, conversation, ref)
        forward = status.rank > RepairStatus(repair.status).rank
        news = StatusNews(
            status=status,
            by_staff=True,
            note=note or None if forward else None,
            reason=None if forward else note or None,
        )
        reported = repairs.change_status(uow, Address(ref=repair.ref), news, actor)
        if reported.outcome is Outcome.REPEATED:
            self._notes.write(uow, conversation, key, "repeated", self._notes.of_repair(repair))

    def _delay(self, uow: UnitOfWork, conversation: Conversation, rest: str, actor: Actor) -> None:
        ref, rest = read_ref(rest)
        repair = self._meant(uow, conversation, ref)
        when, reason, note = read_delay(rest)
        if isinstance(when, int):
            calendar = Forecast(uow, self._zone).calendar(repair)
            when = calendar.open_days.after(calendar.day(uow.now), when)
        delays.tell(
            uow,
            Address(ref=repair.ref),
            actor,
            self._zone,
            reason=reason,
            new_on=when,
            note=note or None,
        )

    def _quote(
        self, uow: UnitOfWork, conversation: Conversation, rest: str, actor: Actor, key: str
    ) -> None:
        """One line, one option, sent at once."""
        ref, rest = read_ref(rest)
        repair = self._meant(uow, conversation, ref)
        amount, words = read_amount(rest, repair.currency)
        if amount is None or amount > money.MOST_MINOR:
            raise NotUnderstood("which_amount", currency=repair.currency)
        shop = self._notes.shop
        label = words[: quote_rules.LONGEST_LABEL] or repair.device or repair.ref
        option = drafting.option(uow, shop, [drafting.Priced(label, amount)])
        new = quotes.NewQuote(
            repair.id, repair.customer_id, repair.currency, quote_rules.Content((option,))
        )
        quote = quotes.send(uow, quotes.make(uow, new, actor).id, actor)
        total = money.in_words(option.lowest_minor(), quote.currency, shop.locale)
        link = shop.links.quote(quote.id, quote.shown_at)
        values = {"repair": repair.ref, "ref": quote.ref, "total": total, "link": link}
        self._notes.write(uow, conversation, key, "quote_sent", values)

    def _meant(self, uow: UnitOfWork, conversation: Conversation, ref: str | None) -> Repair:
        """The repair a command is about: the one named, else what the talk is about, else the only
        open one of this thread."""
        linked = threads.repairs_of_ticket(uow, conversation.ticket_id)
        chosen = talks.chosen(uow, talks.in_conversation(conversation)) if ref is None else None
        # What is talked about may belong to another thread: then nothing may happen to one of this.
        ref = chosen.ref if chosen is not None else ref
        if ref is not None:
            named = [repair for repair in linked if repair.ref == ref]
            if not named:
                raise NotUnderstood("not_linked", ref=ref)
            return named[0]
        candidates = [repair for repair in linked if threads.is_open(repair)] or linked
        if not candidates:
            raise NotUnderstood("no_repair")
        if len(candidates) > 1:
            raise NotUnderstood(
                "which_repair", repairs=[self._notes.of_repair(repair) for repair in candidates]
            )
        return candidates[0]

    def _link(
        self, uow: UnitOfWork, conversation: Conversation, rest: str, actor: Actor, key: str
    ) -> None:
        ref, _ = read_ref(rest)
        if ref is None:
            raise NotUnderstood("bad_ref", typed=rest[:40])
        repair = repairs.find(uow, Address(ref=ref))
        if repair.customer_id not in (None, conversation.customer_id):
            customers.suggest_merge(
                uow,
                repair.customer_id,
                conversation.customer_id,
                f"{actor.name} linked {repair.ref}",
            )
        if not links.link(uow, repair, conversation.ticket_id, conversation.customer_id, actor):
            raise NotUnderstood("linked_before", **self._notes.of_repair(repair))

    def _about(
        self, uow: UnitOfWork, conversation: Conversation, rest: str, actor: Actor, key: str
    ) -> None:
        """Which of the customer's and the thread's repairs the talk is about, or none."""
        repair = None
        if rest.lower().rstrip(".") not in ABOUT_NONE:
            ref, _ = read_ref(rest)
            if ref is None:
                raise NotUnderstood("bad_ref", typed=rest[:40])
            known = talks.repairs(uow, talks.in_conversation(conversation))
            repair = next((one for one in known if one.ref == ref), None)
            if repair is None:
                raise NotUnderstood("not_linked", ref=ref)
        bound = focusing.choose(uow, conversation, repair, actor)
        values = self._notes.of_repair(repair) | {"has_message": bound is not None}
        self._notes.write(uow, conversation, key, "about", values)
