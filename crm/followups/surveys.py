"""What customers answer: one rating a repair, changed for a day, from our page or Chatwoot's survey.

A low mark is told to staff as well; who is asked for a review does not depend on it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import SYSTEM, Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.followups import rules, service
from crm.followups.events import RatedLow, SurveyAnswered
from crm.followups.models import FollowUp, Survey
from crm.notifications import texts
from crm.repairs import links
from crm.repairs.models import Repair, TicketRepair
from crm.repairs.statuses import RepairStatus
from crm.tickets import service as tickets
from crm.tickets.events import TicketRated
from crm.tickets.models import AuthorKind, Priority, Ticket, TicketStatus
from crm.tickets.rules import SETTLED

AUTHOR = Actor("customer", "Survey page")
PAGE, CHATWOOT = "page", "chatwoot"
# A conversation's survey speaks of the repair that was handed over lately.
LATELY = timedelta(days=30)


class Surveys:
    def __init__(self, shop: Shop):
        self._shop = shop

    def vote(
        self,
        uow: UnitOfWork,
        repair_id: int,
        rating: int,
        *,
        via: str = PAGE,
        locale: str | None = None,
        comment: str | None = None,
    ) -> Survey:
        """Keep a rating, or change it. comment: None leaves the one given before.

        Raises NotFound, Invalid, Conflict (`survey-closed`: it was given more than a day ago).
        """
        if not 1 <= rating <= 5:
            raise Invalid("a rating is 1 to 5", errors={"rating": ["1 to 5"]})
        repair, survey = _locked(uow, repair_id)
        if survey is None:
            survey = Survey(
                repair_id=repair.id, rating=rating, comment=comment, via=via,
                locale=texts.closest(locale, self._shop.locale), technician=repair.technician,
                at=uow.now, changed_at=uow.now,
            )  # fmt: skip
            uow.session.add(survey)
            uow.session.flush()
        else:
            told = comment if comment is not None else survey.comment
            if (survey.rating, survey.comment) == (rating, told):
                return survey
            _check_open(uow, survey)
            survey.rating, survey.comment, survey.changed_at = rating, told, uow.now
        _close_asking(uow, repair.id)
        uow.record(SurveyAnswered(repair.id, AUTHOR, rating, via))
        self._alarm(uow, repair, survey)
        return survey

    def say(self, uow: UnitOfWork, repair_id: int, comment: str) -> Survey:
        """Raises NotFound, Conflict (`no-rating`: there is nothing to comment on; `survey-closed`)."""
        repair, survey = _locked(uow, repair_id)
        if survey is None:
            raise Conflict("rate the repair first", code="no-rating")
        if survey.comment == comment:
            return survey
        _check_open(uow, survey)
        survey.comment, survey.changed_at = comment, uow.now
        self._alarm(uow, repair, survey)
        return survey

    def from_rating(self, uow: UnitOfWork, event: TicketRated) -> None:
        """A survey of Chatwoot's that the customer answered, if it can mean one repair only."""
        if event.actor.kind != "customer":
            return
        recent = (
            select(Repair.id)
            .join(TicketRepair, TicketRepair.repair_id == Repair.id)
            .where(
                TicketRepair.ticket_id == event.subject_id,
                Repair.status == RepairStatus.DELIVERED,
                Repair.status_at > uow.now - LATELY,
            )
            .limit(2)
        )
        found = list(uow.session.scalars(recent))
        if len(found) != 1:
            return
        ticket = uow.session.get_one(Ticket, event.subject_id)
        customer = uow.session.get_one(Customer, ticket.customer_id)
        survey = uow.session.scalar(select(Survey).where(Survey.repair_id == found[0]))
        if survey is not None and not rules.may_change(survey.at, uow.now):
            return
        self.vote(
            uow, found[0], event.rating,
            via=CHATWOOT, locale=customer.locale, comment=ticket.rating_comment,
        )  # fmt: skip

    def _alarm(self, uow: UnitOfWork, repair: Repair, survey: Survey) -> None:
        """A low mark makes the repair's ticket urgent work, with a note for agents."""
        if survey.rating > rules.LOW or repair.customer_id is None:
            return
        ticket = _ticket(uow, repair, survey)
        survey.ticket_id = ticket.id
        if ticket.priority != Priority.URGENT:
            tickets.set_priority(uow, ticket.ref, Priority.HIGH)
        if ticket.status in SETTLED:
            tickets.set_status(uow, ticket, TicketStatus.OPEN, AUTHOR)
        values = {
            "ref": repair.ref,
            "device": repair.device,
            "rating": survey.rating,
            "comment": survey.comment,
        }
        note = texts.render(texts.closest(self._shop.locale), "note_low_rating", "chat", values)
        tickets.add_message(
            uow, ticket.ref, note, author_kind=AuthorKind.SYSTEM, private=True, actor=SYSTEM
        )
        uow.record(RatedLow(repair.id, AUTHOR, survey.rating, ticket.id))


def _locked(uow: UnitOfWork, repair_id: int) -> tuple[Repair, Survey | None]:
    """The repair is locked first, so that two first taps make one survey. Raises NotFound."""
    repair = uow.session.get(Repair, repair_id, with_for_update=True)
    if repair is None:
        raise NotFound("no such repair")
    return repair, uow.session.scalar(select(Survey).where(Survey.repair_id == repair_id))


def _check_open(uow: UnitOfWork, survey: Survey) -> None:
    if not rules.may_change(survey.at, uow.now):
        raise Conflict("it was answered more than a day ago", code="survey-closed")


def _close_asking(uow: UnitOfWork, repair_id: int) -> None:
    """Nobody is asked what they have answered."""
    asked = (
        select(FollowUp)
        .where(
            FollowUp.repair_id == repair_id,
            FollowUp.kind == "survey",
            FollowUp.state.in_((rules.SCHEDULED, rules.SENT, rules.NO_RESPONSE)),
        )
        .with_for_update()
    )
    ending = (rules.COMPLETED, "the customer rated the repair")
    for follow_up in uow.session.scalars(asked):
        if not service.stop(uow, follow_up, *ending):
            service.end(uow, follow_up, *ending)


def _ticket(uow: UnitOfWork, repair: Repair, survey: Survey) -> Ticket:
    """The one raised before, else the repair's latest, else a fresh one."""
    if survey.ticket_id is not None:
        return uow.session.get_one(Ticket, survey.ticket_id, with_for_update=True)
    latest = (
        select(Ticket)
        .join(TicketRepair, TicketRepair.ticket_id == Ticket.id)
        .where(TicketRepair.repair_id == repair.id)
        .order_by(Ticket.id.desc())
        .limit(1)
        .with_for_update(of=Ticket)
    )
    ticket = uow.session.scalars(latest).first()
    if ticket is None:
        subject = f"{repair.ref} {repair.device}".strip()
        ticket = tickets.open_ticket(
            uow, repair.customer_id, subject, source="survey", actor=AUTHOR, priority=Priority.HIGH
        )
        links.link(uow, repair, ticket.id, repair.customer_id, AUTHOR)
    return ticket
