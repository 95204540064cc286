"""The round that writes the weekly letter to admins: once a week each, also after an outage.

Its words are sealed, since the log of messages is open to all staff and the figures are not.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from babel.dates import format_date
from babel.numbers import format_decimal
from sqlalchemy import func, select

from crm.analytics import queries as analytics
from crm.core.events import SYSTEM
from crm.core.money import in_words
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.core.vault import Seal
from crm.customers.models import EMAIL
from crm.followups import queries as followups
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.notifications.models import Notification
from crm.payments.models import Payment
from crm.staff.models import Staff
from crm.staff.roles import ADMIN
from crm.weekly import rules
from crm.weekly.rules import Number, Week

EVERY_SECONDS = 900.0
TEMPLATE = "weekly_report"


class Round:
    def __init__(self, units: Units, seal: Seal, shop: Shop):
        self._units = units
        self._seal = seal
        self._shop = shop

    def run(self) -> int:
        """Returns how many letters were written."""
        with self._units() as uow:
            week = rules.week(uow.now, self._shop.timezone)
            if week is None:
                return 0
            waiting = [one for one in _admins(uow) if not _was_told(uow, week, one)]
            found = rules.moved(self._numbers(uow, week)) if waiting else []
            if not found:
                return 0
            text = self._words(week, found)
            for admin in waiting:
                self._write(uow, week, admin, text)
            return len(waiting)

    def _write(self, uow: UnitOfWork, week: Week, admin: Staff, text: str) -> None:
        notifications.compose(
            uow,
            _key(week, admin),
            TEMPLATE,
            f"The week from {week.monday.isoformat()}",
            locale=texts.closest(self._shop.locale),
            customer_id=None,
            repair_id=None,
            hold=timedelta(),
            actor=SYSTEM,
            deadline_at=uow.now + notifications.NOTICE_DEADLINE,
            sealed_body=self._seal.close({"text": text, "to": {EMAIL: admin.email}}),
        )

    def _numbers(self, uow: UnitOfWork, week: Week) -> list[Number]:
        now = analytics.report(uow, week.start, week.end)
        before = analytics.report(uow, week.before, week.start)
        marks, marks_by = followups.summary(uow, None, week.start, week.end)
        marks_before, marks_by_before = followups.summary(uow, None, week.before, week.start)
        money = _received(uow, self._shop.currency, week.start, week.end)
        money_before = _received(uow, self._shop.currency, week.before, week.start)

        def hours(report: analytics.Report) -> dict[str, float]:
            return {one.name: one.median_hours for one in report.by_status if one.median_hours}

        def devices(report: analytics.Report) -> dict[str, float]:
            return {one.name: one.count for one in report.by_device}

        def averages(found: list[followups.Mark]) -> dict[str, float]:
            return {one.name: one.average for one in found if one.average is not None}

        return [
            Number(
                "finished", now.repairs.count, before.repairs.count, devices(now), devices(before)
            ),
            Number(
                "turnaround", now.repairs.median_hours, before.repairs.median_hours,
                hours(now), hours(before),
            ),
            Number(
                "rating", marks.average, marks_before.average,
                averages(marks_by), averages(marks_by_before),
            ),
            Number(
                "money", sum(money.values()), sum(money_before.values()), money, money_before
            ),
        ]  # fmt: skip

    def _words(self, week: Week, found: list[Number]) -> str:
        locale = texts.closest(self._shop.locale)
        region = texts.REGIONS[locale]

        def shown(number: Number, value: float | None) -> str:
            if value is None:
                return "–"
            if number.name == "money":
                return in_words(int(value), self._shop.currency, region)
            return format_decimal(round(value, 1), locale=region)

        items = []
        for number in found:
            cause = number.cause
            items.append(
                {
                    "name": number.name,
                    "now": shown(number, number.now),
                    "before": shown(number, number.before),
                    "cause": cause[0] if cause else None,
                    "cause_now": shown(number, cause[1]) if cause else "",
                    "cause_before": shown(number, cause[2]) if cause else "",
                }
            )
        values = {
            "shop": self._shop.name,
            "monday": format_date(week.monday, "long", locale=region),
            "items": items,
        }
        return texts.render(locale, TEMPLATE, "chat", values)


def _admins(uow: UnitOfWork) -> list[Staff]:
    query = select(Staff).where(Staff.role == ADMIN, Staff.is_active).order_by(Staff.id)
    # Locked, so that two rounds write one letter.
    return list(uow.session.scalars(query.with_for_update()))


def _key(week: Week, admin: Staff) -> str:
    return f"weekly:{week.monday.isoformat()}:{admin.id}"


def _was_told(uow: UnitOfWork, week: Week, admin: Staff) -> bool:
    told = select(Notification.id).where(Notification.event_key == _key(week, admin))
    return uow.session.scalar(told) is not None


def _received(uow: UnitOfWork, currency: str, since: datetime, until: datetime) -> dict[str, float]:
    """By method, in minor units; what was given back later is not taken off."""
    query = (
        select(Payment.method, func.sum(Payment.amount_minor))
        .where(
            Payment.currency == currency,
            Payment.received_at >= since,
            Payment.received_at < until,
        )
        .group_by(Payment.method)
    )
    return {method: int(total) for method, total in uow.session.execute(query)}
