"""The one decision about a message, as a table: who gets what, by which channel, when, and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from crm.notifications import decision, rules, texts
from crm.notifications.decision import NO_CHANNEL_YET, Asked, Decision, Reach, decide, next_within
from crm.notifications.rules import CHANNELS, Frequency, Hours, Importance, Kind, Rule, Wishes

LONDON = ZoneInfo("Europe/London")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NIGHT = datetime(2026, 11, 21, 23, tzinfo=UTC)
EIGHT = datetime(2026, 11, 22, 8, tzinfo=UTC)
QUIET = Hours(time(21), time(8))
CHAT, MAIL = Reach("conversation 7"), Reach("proven email", "ilse@example.org")
SMS = Reach("proven phone", "+447700900123", rings=True)
WHATSAPP = Reach("proven phone", "+447700900123", rings=True)
EVERYWHERE = {"chatwoot": CHAT, "mail": MAIL, "whatsapp": WHATSAPP, "sms": SMS}
NEWS = Rule(Importance.MILESTONE)
REMINDER = Rule(Importance.ESSENTIAL, is_quiet=True)
PLEA = Rule(Importance.MILESTONE, Kind.MARKETING, is_quiet=True)
CODE = Rule(Importance.ESSENTIAL, Kind.CODE)
NOTHING = Wishes(frequency=Frequency.NONE, blocked=CHANNELS, marketing=False)


@dataclass
class Case:
    """What is asked, and what must come out."""

    why: str
    channel: str | None
    rule: Rule = NEWS
    wishes: Wishes = Wishes()
    reach: dict[str, Reach] = field(default_factory=lambda: EVERYWHERE)
    at: datetime = NOON
    deadline: datetime | None = None
    refusals: dict[str, str] = field(default_factory=dict)
    send_at: datetime | None = None
    skipped: bool = False
    told: dict[str, str] = field(default_factory=dict)


CASES = {
    "the conversation comes first": Case("conversation 7", "chatwoot"),
    "then mail": Case("proven email", "mail", reach={"mail": MAIL, "sms": SMS}),
    "then WhatsApp before SMS": Case(
        "proven phone", "whatsapp", reach={"whatsapp": WHATSAPP, "sms": SMS}
    ),
    "nobody knows them": Case(NO_CHANNEL_YET, None, reach={}),
    "a closed window passes on": Case(
        "proven email", "mail", reach=EVERYWHERE | {"chatwoot": Reach("7", obstacle="window closed")},
        told={"chatwoot": "window closed"},
    ),
    "the last obstacle is the reason": Case(
        "sms: they said stop", None, reach={"sms": replace(SMS, obstacle="they said stop")},
        told={"sms": "they said stop"},
    ),
    "who refused before is not asked again": Case(
        "proven email", "mail", refusals={"chatwoot": "permanent: gone"},
        told={"chatwoot": "permanent: gone"},
    ),
    "all refused": Case(
        "sms: permanent: no", None, refusals=dict.fromkeys(CHANNELS, "permanent: no"),
        told=dict.fromkeys(CHANNELS, "permanent: no"),
    ),
    "the customer's choice": Case(
        "proven phone; the customer's choice", "sms", wishes=Wishes(channels=("sms", "mail"))
    ),
    "their next choice": Case(
        "proven email; the customer's next choice", "mail", wishes=Wishes(channels=("sms", "mail")),
        reach={"mail": MAIL, "chatwoot": CHAT},
    ),
    "beyond their choice the usual order": Case(
        "conversation 7", "chatwoot", wishes=Wishes(channels=("sms",)),
        reach={"mail": MAIL, "chatwoot": CHAT},
    ),
    "blocked": Case(
        "proven email", "mail", wishes=Wishes(blocked=("chatwoot",)),
        told={"chatwoot": "the customer does not want it"},
    ),
    "everything blocked": Case(
        "sms: the customer does not want it", None, wishes=Wishes(blocked=CHANNELS),
        told=dict.fromkeys(CHANNELS, "the customer does not want it"),
    ),
    "the rule's channels only, in its order": Case(
        "proven phone", "sms", rule=replace(NEWS, channels=("sms", "mail"))
    ),
    "a rule that leaves out what reaches them": Case(
        "chatwoot: the shop's rule leaves it out", None, rule=replace(NEWS, channels=("sms",)),
        reach={"chatwoot": CHAT}, told={"chatwoot": "the shop's rule leaves it out"},
    ),
    "the customer's order within the rule": Case(
        "proven email; the customer's choice", "mail", rule=replace(NEWS, channels=("sms", "mail")),
        wishes=Wishes(channels=("mail",)),
    ),
    "switched off": Case(
        "the shop does not send repair_received (en)", None, rule=replace(NEWS, is_on=False),
        skipped=True,
    ),
    "progress is too much": Case(
        "the customer wants essential messages and milestones only; this is progress", None,
        rule=Rule(Importance.PROGRESS), wishes=Wishes(frequency=Frequency.MILESTONES), skipped=True,
    ),
    "a milestone is too much": Case(
        "the customer wants essential messages only; this is milestone", None,
        wishes=Wishes(frequency=Frequency.ESSENTIAL), skipped=True,
    ),
    "nothing at all": Case(
        "the customer wants no messages; this is essential", None, rule=REMINDER,
        wishes=Wishes(frequency=Frequency.NONE), skipped=True,
    ),
    "no marketing": Case(
        "the customer wants no marketing", None, rule=PLEA, wishes=Wishes(marketing=False),
        skipped=True,
    ),
    "marketing to who never agreed": Case(
        "the customer never agreed to marketing", None, rule=PLEA, skipped=True,
    ),
    "a plea to a customer who never refused": Case(
        "conversation 7", "chatwoot", rule=replace(PLEA, is_soft=True),
    ),
    "a plea to a customer who refused": Case(
        "the customer wants no marketing", None, rule=replace(PLEA, is_soft=True),
        wishes=Wishes(marketing=False), skipped=True,
    ),
    "marketing to who agreed": Case(
        "conversation 7", "chatwoot", rule=PLEA, wishes=Wishes(marketing=True),
    ),
    "no marketing, but service": Case(
        "conversation 7", "chatwoot", wishes=Wishes(marketing=False)
    ),
    "a code goes whatever they wish": Case(
        "conversation 7", "chatwoot", rule=CODE, wishes=NOTHING
    ),
    "a code at night rings": Case(
        "proven phone", "sms", rule=CODE, at=NIGHT, reach={"sms": SMS},
        wishes=Wishes(hours=Hours(time(9), time(10))),
    ),
    "what somebody just did rings at night": Case(
        "proven phone", "sms", at=NIGHT, reach={"sms": SMS}
    ),
    "a reminder does not ring at night": Case(
        "proven phone; waits for the quiet hours to end: 2026-11-22 08:00", "sms", rule=REMINDER,
        at=NIGHT, reach={"sms": SMS}, send_at=EIGHT,
    ),
    "a reminder by mail disturbs nobody": Case(
        "proven email", "mail", rule=REMINDER, at=NIGHT, reach={"mail": MAIL, "sms": SMS}
    ),
    "their own hours hold everywhere": Case(
        "conversation 7; waits for the customer's hours: 2026-11-22 08:00", "chatwoot", at=NIGHT,
        wishes=Wishes(hours=Hours(time(8), time(18))), send_at=EIGHT,
    ),
    "their own hours come before the quiet ones": Case(
        "proven phone", "sms", rule=REMINDER, at=NIGHT, reach={"sms": SMS},
        wishes=Wishes(hours=Hours(time(20), time(2))),
    ),
    "too late after the quiet hours: elsewhere": Case(
        "proven phone", "sms", rule=replace(REMINDER, channels=("whatsapp", "sms")), at=NIGHT,
        reach={"whatsapp": WHATSAPP, "sms": replace(SMS, rings=False)}, deadline=EIGHT,
        told={"whatsapp": "waits for the quiet hours to end until it is too late"},
    ),
    "too late for their hours everywhere": Case(
        "sms: waits for the customer's hours until it is too late", None, at=NIGHT,
        deadline=NIGHT + timedelta(hours=2), wishes=Wishes(hours=Hours(time(8), time(18))),
        told=dict.fromkeys(CHANNELS, "waits for the customer's hours until it is too late"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_table(case: Case):
    made = _decide(case)
    assert (made.channel, made.reason, made.is_skipped) == (case.channel, case.why, case.skipped)
    assert made.send_at == (case.send_at or case.at)
    assert dict(made.refusals) == case.told


def test_whatever_is_wished_the_outcome_has_a_reason_and_breaks_no_wish():
    hours = (None, Hours(time(9), time(17)), Hours(time(22), time(2)), Hours(time(9), time(9)))
    blocked = ((), ("chatwoot", "mail"), CHANNELS)
    choices = ((), ("sms",), ("mail", "whatsapp"))
    consents = (None, False, True)
    table = product((NEWS, REMINDER, PLEA, CODE), Frequency, consents, hours, blocked, choices)
    for rule, frequency, marketing, window, never, first in table:
        wishes = Wishes(first, never, window, frequency, marketing)
        made = _decide(Case("", None, rule, wishes, at=NIGHT))
        assert made.reason and made.send_at >= NIGHT
        assert not (made.is_skipped and made.channel)
        if rule.kind == Kind.CODE:
            assert made.channel == "chatwoot" and made.send_at == NIGHT
            continue
        assert made.channel not in never
        if made.channel and window:
            assert window.hold(made.send_at.astimezone(LONDON).time())
        if not frequency.wants(rule.importance) or (rule == PLEA and not marketing):
            assert made.is_skipped


@pytest.mark.parametrize(
    ("at", "stretch", "expected"),
    [
        ("2026-11-21T08:00Z", Hours(time(8), time(18)), "2026-11-21T08:00Z"),
        ("2026-11-21T18:00Z", Hours(time(8), time(18)), "2026-11-22T08:00Z"),
        ("2026-11-21T23:30Z", Hours(time(22), time(2)), "2026-11-21T23:30Z"),
        ("2026-11-21T12:00Z", Hours(time(22), time(2)), "2026-11-21T22:00Z"),
        ("2026-11-21T12:00Z", Hours(time(9), time(9)), "2026-11-21T12:00Z"),
        # The clock goes forward at 1:00 on 29 March: the hour they name does not exist.
        ("2026-03-29T00:30Z", Hours(time(1, 30), time(1, 45)), "2026-03-29T01:30Z"),
        # It goes back at 2:00 on 25 October: of the two half past ones the first.
        ("2026-10-24T23:00Z", Hours(time(1, 30), time(2, 30)), "2026-10-25T00:30Z"),
        ("2026-10-25T01:10Z", Hours(time(8), time(18)), "2026-10-25T08:00Z"),
    ],
)
def test_the_next_moment_that_suits(at: str, stretch: Hours, expected: str):
    found = next_within(datetime.fromisoformat(at), stretch, LONDON)
    assert found == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("why", "rule", "wishes", "rings", "quiet", "moment", "because"),
    [
        ("rings at night", REMINDER, Wishes(), True, QUIET, EIGHT, "quiet hours to end"),
        ("makes no sound", REMINDER, Wishes(), False, QUIET, NIGHT, ""),
        ("may ring at night", NEWS, Wishes(), True, QUIET, NIGHT, ""),
        ("no quiet hours", REMINDER, Wishes(), True, None, NIGHT, ""),
        ("they are up", REMINDER, Wishes(hours=Hours(time(22), time(2))), True, QUIET, NIGHT, ""),
        ("their own hours, silent too", NEWS, Wishes(hours=Hours(time(8), time(9))), False, None,
         EIGHT, "customer's hours"),
        ("a code", CODE, Wishes(hours=Hours(time(8), time(9))), True, QUIET, NIGHT, ""),
    ],
)  # fmt: skip
def test_the_first_moment_is_the_same_for_every_try(
    why, rule, wishes, rings, quiet, moment, because
):
    found = decision.first_moment(NIGHT, rule, wishes, rings=rings, quiet=quiet, zone=LONDON)
    assert found[0] == moment, why
    assert because in found[1] and bool(found[1]) is bool(because), why


def test_quiet_hours_run_past_midnight():
    clock = [time(20, 59), time(21), time(3), time(7, 59), time(8)]
    assert [QUIET.hold(at) for at in clock] == [False, True, True, True, False]


def test_every_message_has_its_rule_and_every_rule_its_message():
    told = {path.name.split(".")[0] for path in (texts.TEMPLATES / "en").iterdir()}
    messages = {name for name in told if not name.startswith(("_", "note_"))}
    assert set(rules.defaults()) == messages


def test_only_what_nobody_may_lose_is_a_code():
    codes = {name for name, rule in rules.defaults().items() if rule.kind == Kind.CODE}
    assert codes == {"verification_code", "sign_in_link"}
    assert decision.NO_CHANNEL_YET


def _decide(case: Case) -> Decision:
    asked = Asked("repair_received", "en", case.at, case.deadline, case.refusals)
    return decide(asked, case.rule, case.wishes, case.reach, quiet=QUIET, zone=LONDON)
