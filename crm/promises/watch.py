"""The watch over promises: staff hear of one that will be missed, and the customer before they ask.

A promise is taken for missed past the middle of opening hours on its last day, or when the shop's
own history says that even the middle of the range lies behind the named day. Only the first is told
to customers by itself, and only of a day the shop named: on all else a person should look. While
the shop is closed all waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import func, not_, or_, select

from crm.core.events import SYSTEM
from crm.core.hours import Span, moment
from crm.core.uow import UnitOfWork, Units
from crm.promises import delays, queries, rules
from crm.promises.events import PromiseAtRisk
from crm.promises.history import Forecast
from crm.promises.models import DelayAlert
from crm.promises.queries import Promise
from crm.promises.rules import Watching
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address
from crm.repairs.statuses import RepairStatus

PAGE = 200


@dataclass(frozen=True)
class Risk:
    """is_given: the shop named the day. is_missed: it is as good as over; else history says so."""

    promised_on: date
    is_given: bool
    fresh: Promise
    is_missed: bool


class Watch:
    """zone: the shop's. page: so many repairs are looked at in one unit of work."""

    def __init__(
        self, units: Units, zone: ZoneInfo, limits: Watching | None = None, page: int = PAGE
    ):
        self._units = units
        self._zone = zone
        self._limits = limits or rules.rules().watch
        self._page_size = page

    def run(self) -> int:
        """Look at every repair under way. Returns how many were acted on."""
        acted = 0
        last = 0
        while found := self._page(last):
            last = found[-1][0]
            for _, ref in (one for one in found if one[1] is not None):
                with self._units() as uow:
                    acted += self._act(uow, ref)
        return acted

    def _page(self, last: int) -> list[tuple[int, str | None]]:
        """The next repairs by id, with the reference of those at risk."""
        with self._units() as uow:
            forecast = Forecast(uow, self._zone)
            rows = uow.session.scalars(
                select(Repair)
                .where(*_under_way(), Repair.id > last)
                .order_by(Repair.id)
                .limit(self._page_size)
            )
            return [(row.id, row.ref if self._is_due(uow, row, forecast) else None) for row in rows]

    def _is_due(self, uow: UnitOfWork, repair: Repair, forecast: Forecast) -> bool:
        risk = self._judge(uow, repair, forecast)
        if risk is None:
            return False
        alert = _alert(uow, repair, risk)
        return alert is None or self._may_tell(uow, repair, risk, alert)

    def _act(self, uow: UnitOfWork, ref: str) -> bool:
        """Judged again under the lock: the repair may have moved on meanwhile."""
        repair = repairs.find(uow, Address(ref=ref))
        risk = self._judge(uow, repair, Forecast(uow, self._zone))
        if risk is None:
            return False
        reason = rules.reason_of(RepairStatus(repair.status), repair.flags)
        alert = _alert(uow, repair, risk)
        if self._may_tell(uow, repair, risk, alert):
            delays.tell(
                uow,
                Address(ref=ref),
                SYSTEM,
                self._zone,
                reason=reason,
                new_on=risk.fresh.to_on,
                is_automatic=True,
            )
            return True
        if alert is not None:
            return False
        alert = DelayAlert(
            repair_id=repair.id,
            promised_on=risk.promised_on,
            expected_on=risk.fresh.to_on,
            reason=reason.value,
            is_automatic=False,
            created_at=uow.now,
        )
        uow.session.add(alert)
        uow.session.flush()
        uow.record(PromiseAtRisk(repair.id, SYSTEM, alert.id))
        return True

    def _judge(self, uow: UnitOfWork, repair: Repair, forecast: Forecast) -> Risk | None:
        """None unless a promise of these days will be missed, and the shop is open now."""
        calendar = forecast.calendar(repair)
        today = calendar.day(uow.now)
        if not any(one.start <= uow.now < one.end for one in forecast.opening(repair, today)):
            return None
        promise = queries.told(uow, repair, self._zone, forecast)
        fresh = queries.fresh(uow, repair, self._zone, forecast)
        if promise is None or fresh is None:
            return None
        if calendar.open_days.between(promise.to_on, today) > self._limits.look_back_days:
            return None
        is_later = promise.is_given and fresh.basis == "history" and fresh.from_on > promise.to_on
        if promise.to_on > today and not is_later:
            return None
        opening = forecast.opening(repair, promise.to_on)
        is_missed = uow.now >= _middle(opening, promise.to_on, calendar.zone)
        if not (is_missed or is_later):
            return None
        return Risk(promise.to_on, promise.is_given, fresh, is_missed)

    def _may_tell(
        self, uow: UnitOfWork, repair: Repair, risk: Risk, alert: DelayAlert | None
    ) -> bool:
        if alert is not None and alert.told_at is not None:
            return False
        if not (self._limits.automatic and risk.is_given and risk.is_missed):
            return False
        told = select(func.count()).where(
            DelayAlert.repair_id == repair.id, DelayAlert.is_automatic
        )
        return uow.session.scalar(told) < self._limits.most_automatic


def _middle(opening: list[Span], day: date, zone: ZoneInfo) -> datetime:
    """Of that day's opening hours; noon on a day off."""
    if not opening:
        return moment(day, time(12), zone)
    return opening[0].start + (opening[-1].end - opening[0].start) / 2


def _alert(uow: UnitOfWork, repair: Repair, risk: Risk) -> DelayAlert | None:
    return uow.session.scalar(
        select(DelayAlert).where(
            DelayAlert.repair_id == repair.id, DelayAlert.promised_on == risk.promised_on
        )
    )


def _under_way() -> Iterator:
    yield Repair.status.in_([one for one in RepairStatus if one.rank < RepairStatus.COMPLETED.rank])
    yield not_(or_(*(Repair.flags.contains([flag]) for flag in rules.RESTING)))
