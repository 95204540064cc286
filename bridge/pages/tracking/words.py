"""A repair in plain words for its owner: the one place where statuses and flags get public words.

Sentences of messages are in `crm/notifications/templates`, what staff read of flags is in
`bridge/admin/words.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from crm.repairs.statuses import RepairFlag, RepairStatus


@dataclass(frozen=True)
class Words:
    """name: of the step. meaning: what is happening now. then: what happens next."""

    name: LazyString
    meaning: LazyString
    then: LazyString


STATUS_WORDS: dict[RepairStatus, Words] = {
    RepairStatus.RECEIVED: Words(
        _("Received"),
        _("Your device is with us and waits for its examination."),
        _("We examine it to find out exactly what it needs."),
    ),
    RepairStatus.DIAGNOSING: Words(
        _("Being examined"),
        _("We are finding out exactly what your device needs."),
        _("If it needs a part that we do not have here, we order it. Then the repair begins."),
    ),
    RepairStatus.WAITING_PARTS: Words(
        _("Waiting for a part"),
        _("A part that your device needs is on its way to us."),
        _("The repair begins as soon as the part is here."),
    ),
    RepairStatus.REPAIRING: Words(
        _("Being repaired"),
        _("Your device is on the bench."),
        _("After the repair we test that everything works."),
    ),
    RepairStatus.TESTING: Words(
        _("Being tested"),
        _("Your device is repaired, and we are testing that everything works."),
        _("When it passes the tests, the work is finished."),
    ),
    RepairStatus.COMPLETED: Words(
        _("Work finished"),
        _("The work on your device is done."),
        _("We make it ready and tell you when you can collect it."),
    ),
    RepairStatus.READY_PICKUP: Words(
        _("Ready to collect"),
        _("You can collect your device now."),
        _("Come by when we are open, and bring the reference of your repair."),
    ),
    RepairStatus.DELIVERED: Words(
        _("Handed over"),
        _("Your device has been handed over. Thank you!"),
        _("Nothing is left to do. If something is not right, write to us."),
    ),
}

FLAG_WORDS: dict[RepairFlag, LazyString] = {
    RepairFlag.AWAITING_APPROVAL: _(
        "We need your decision before we go on. Please answer our message."
    ),
    RepairFlag.ON_HOLD: _("The repair is paused. We write to you when it goes on."),
    RepairFlag.CANCELLED: _("This repair was cancelled."),
    RepairFlag.UNREPAIRABLE: _("We are sorry: this device cannot be repaired."),
    RepairFlag.IN_STORAGE: _("We keep your device in storage for you."),
}

# What the history tells beside statuses; a note counts when it says something to the customer.
TOLD_OUTCOMES: dict[str, LazyString] = {
    "note": _("A word from the workshop"),
    "delay": _("It takes longer"),
    "part_ordered": _("A part was ordered"),
    "part_arrived": _("A part has arrived"),
}

# With one of these the way through the shop has ended early.
ENDING_FLAGS = (RepairFlag.CANCELLED, RepairFlag.UNREPAIRABLE)
AFTER_THE_END = _("Write to us, and we arrange how you get your device back.")
