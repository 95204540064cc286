"""The shop's rules for messages: the defaults, and what managers changed. Changes are audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import time

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from crm.core import audit
from crm.core.errors import Conflict, NotFound
from crm.core.events import Actor, EventRow
from crm.core.uow import UnitOfWork
from crm.notifications import rules
from crm.notifications.events import NotificationComposed
from crm.notifications.models import Notification, NotificationRule, NotificationSettings
from crm.notifications.rules import Hours, Kind, Rule

EVERY_LOCALE = ""
USUAL_QUIET = Hours(time(21), time(8))


def rule_for(uow: UnitOfWork, template: str, locale: str) -> Rule:
    """What holds for a message in one language; a rule for that language comes before one for all."""
    rule = rules.defaults()[template]
    query = select(NotificationRule).where(
        NotificationRule.template == template,
        NotificationRule.locale.in_((EVERY_LOCALE, locale)),
    )
    changed = uow.session.scalars(query.order_by(NotificationRule.locale.desc()).limit(1)).first()
    return _changed(rule, changed) if changed is not None else rule


def rule_of(uow: UnitOfWork, notification: Notification) -> Rule:
    """What holds for this very message: for what a shop system reports nobody waits at night."""
    rule = rule_for(uow, notification.template, notification.locale)
    composed = select(EventRow.actor_kind).where(
        EventRow.subject_kind == NotificationComposed.subject_kind,
        EventRow.subject_id == notification.id,
        EventRow.kind == NotificationComposed.kind,
    )
    return replace(rule, is_quiet=True) if uow.session.scalar(composed) == "shop" else rule


def changes(uow: UnitOfWork) -> list[NotificationRule]:
    order = (NotificationRule.template, NotificationRule.locale)
    return list(uow.session.scalars(select(NotificationRule).order_by(*order)))


def change(
    uow: UnitOfWork,
    template: str,
    locale: str,
    *,
    is_on: bool,
    is_quiet: bool,
    channels: Sequence[str],
    actor: Actor,
) -> NotificationRule:
    """locale: `EVERY_LOCALE` for all. Raises NotFound (no such message), Conflict (`rule-is-fixed`:
    codes are always sent, at once).
    """
    _check_open(template)
    values = {
        "is_on": is_on,
        "is_quiet": is_quiet,
        "channels": list(channels),
        "updated_at": uow.now,
        "updated_by": actor.name,
    }
    uow.session.execute(
        insert(NotificationRule)
        .values(template=template, locale=locale, **values)
        .on_conflict_do_update(index_elements=["template", "locale"], set_=values)
    )
    told = {"locale": locale, "is_on": is_on, "is_quiet": is_quiet, "channels": list(channels)}
    audit.write(uow, actor, "notification_rule.change", template, told)
    uow.session.expire_all()
    return uow.session.get_one(NotificationRule, (template, locale))


def reset(uow: UnitOfWork, template: str, locale: str, actor: Actor) -> None:
    """Back to the default. Raises NotFound when nothing was changed."""
    row = uow.session.get(NotificationRule, (template, locale), with_for_update=True)
    if row is None:
        raise NotFound("this rule was not changed")
    uow.session.delete(row)
    audit.write(uow, actor, "notification_rule.reset", template, {"locale": locale})


def quiet_hours(uow: UnitOfWork) -> Hours | None:
    row = uow.session.get(NotificationSettings, 1)
    if row is None:
        return USUAL_QUIET
    if row.quiet_from is None or row.quiet_to is None:
        return None
    return Hours(row.quiet_from, row.quiet_to)


def change_quiet_hours(uow: UnitOfWork, quiet: Hours | None, actor: Actor) -> None:
    values = {
        "quiet_from": quiet.start if quiet else None,
        "quiet_to": quiet.end if quiet else None,
        "updated_at": uow.now,
        "updated_by": actor.name,
    }
    uow.session.execute(
        insert(NotificationSettings)
        .values(id=1, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )
    uow.session.expire_all()
    told = {name: str(values[name]) for name in ("quiet_from", "quiet_to")}
    audit.write(uow, actor, "notification_settings.change", "quiet_hours", told)


def _check_open(template: str) -> None:
    rule = rules.defaults().get(template)
    if rule is None:
        raise NotFound("no such message")
    if rule.kind == Kind.CODE:
        raise Conflict("codes are always sent, at once", code="rule-is-fixed")


def _changed(rule: Rule, row: NotificationRule) -> Rule:
    return replace(rule, is_on=row.is_on, is_quiet=row.is_quiet, channels=tuple(row.channels))
