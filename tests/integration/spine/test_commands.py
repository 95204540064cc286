"""Note commands: each answered by exactly one private note, and told to customers only once."""

from __future__ import annotations

import pytest

from tests import builders
from tests.integration.spine.meanings import phones


def _command(mendline, number, words):
    """What an agent's note brought: (new notes, new messages)."""
    notes, told = len(mendline.notes(number)), len(mendline.told(number))
    mendline.agent(number, words, private=True)
    mendline.settle()
    return mendline.notes(number)[notes:], mendline.told(number)[told:]


def _statuses(mendline):
    return mendline.column("SELECT status FROM repairs ORDER BY id")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("!status testing", "testing"),
        ("!STATUS waiting parts", "waiting_parts"),
        ("!status ready-pickup: come by", "ready_pickup"),
        (r"\!status waiting\_parts", "waiting_parts"),
        ("!status\nrepairing", "repairing"),
        ("!status done", "completed"),
        ("!ready", "ready_pickup"),
        ("  !ready come before six  ", "ready_pickup"),
    ],
)
def test_a_command_moves_the_only_repair(mendline, words, status):
    number, _ = phones(mendline)
    notes, told = _command(mendline, number, words)
    assert _statuses(mendline) == [status]
    assert len(notes) == 1 and f"received → {status}" in notes[0] and "Tom Reyes" in notes[0]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("!help", "!status [repair]"),
        ("!dance", "I do not know that command"),
        ("!quote", "could not read an amount"),
        ("!quote 0", "could not read an amount"),
        ("!quote -5 screen", "could not read an amount"),
        ("!quote 120-150", "could not read an amount"),
        ("!quote " + "9" * 5000, "could not read an amount"),
        ("!quote 99999999999", "could not read an amount"),
        ("!quote {{7*7}}<script>", "could not read an amount"),
        ("!status", "That is no status"),
        ("!status banana", "That is no status"),
        ("!status " + "x" * 5000, "That is no status"),
        ("!status '; DROP TABLE repairs; --", "That is no status"),
        ("!status \u202egnitset", "That is no status"),
        ("!status received", "already"),
        ("!link", "Which repair is meant? Write for example: !link RPR-"),
        ("!about", "Which repair is meant? Write for example: !about RPR-"),
        ("!about iphone", '"iphone" is no repair reference. Write for example: !about RPR-'),
        ("!link {{contact.email}}<script>", "is no repair reference"),
        ("!link RPR-2611-00000", "repair"),
        ("!status RPR-2611-7K3QX testing", "is no repair reference"),
        ("!ready rpr", "is no repair reference"),
        ("!status RPR-2611-", "is no repair reference"),
    ],
)
def test_what_cannot_be_done_is_explained_once(mendline, words, answer):
    number, _ = phones(mendline)
    notes, told = _command(mendline, number, words)
    assert (len(notes), told) == (1, [])
    assert answer in notes[0]
    assert _statuses(mendline) == ["received"]
    assert mendline.unfinished() == []


def test_ordinary_notes_and_public_words_are_no_commands(mendline):
    number, _ = phones(mendline)
    for words in ("please !ready", "status testing", "! ready", "!!", "1!ready"):
        assert _command(mendline, number, words) == ([], [])
    mendline.agent(number, "!ready", private=False)
    customer = mendline.thread(number)["meta"]["sender"]["id"]
    mendline.writes(customer, "!ready")
    mendline.settle()
    assert _statuses(mendline) == ["received"]


def test_with_several_repairs_the_note_asks_which(mendline):
    number, (first, second) = phones(mendline, 2)
    notes, told = _command(mendline, number, "!ready")
    assert told == [] and len(notes) == 1 and first in notes[0] and second in notes[0]
    sloppy = second.replace("-", " ").lower()
    notes, told = _command(mendline, number, f"!status {sloppy} testing: screen next")
    assert _statuses(mendline) == ["received", "testing"]
    assert len(notes) == len(told) == 1 and second in told[0]


def test_a_repair_of_another_thread_is_named_but_not_moved(mendline):
    number, _ = phones(mendline)
    with mendline.units() as uow:
        other = builders.repair(uow).ref
    mendline.settle()
    notes, told = _command(mendline, number, f"!ready {other}")
    assert len(notes) == 1 and "not linked" in notes[0] and told == []
    notes, told = _command(mendline, number, f"!link {other}")
    assert len(notes) == 1 and "now linked" in notes[0]
    notes, _ = _command(mendline, number, f"!link {other}")
    assert len(notes) == 1 and "already" in notes[0]


def test_going_back_takes_a_reason_and_tells_nobody(mendline):
    number, (ref,) = phones(mendline)
    _command(mendline, number, "!status testing")
    notes, told = _command(mendline, number, "!status repairing")
    assert len(notes) == 1 and "needs a reason" in notes[0] and told == []
    assert _statuses(mendline) == ["testing"]
    notes, told = _command(mendline, number, f"!status {ref} repairing the glass came off")
    assert len(notes) == 1 and "the glass came off" in notes[0] and told == []
    assert _statuses(mendline) == ["repairing"]


def test_a_repeated_note_is_obeyed_once(mendline):
    number, _ = phones(mendline)
    mendline.faults.change({"webhook_double": 1, "webhook_reorder": True, "seed": 4})
    notes, told = _command(mendline, number, "!ready")
    assert (len(notes), len(told)) == (1, 1)


def test_a_correction_within_the_hold_takes_the_message_back(holding):
    number, _ = phones(holding)
    notes, told = _command(holding, number, "!ready")
    assert told == [] and len(notes) == 1 and "told in" in notes[0]
    notes, told = _command(holding, number, "!status testing wrong phone")
    assert len(notes) == 1
    holding.hasten()
    holding.settle()
    assert not [text for text in holding.told(number) if "collected" in text]
    assert holding.column("SELECT state FROM notifications ORDER BY id")[-1] == "cancelled"

    _command(holding, number, "!ready")
    holding.hasten()
    holding.settle()
    assert len([text for text in holding.told(number) if "collected" in text]) == 1


def test_who_has_the_device_is_not_asked_to_collect_it(holding):
    number, _ = phones(holding)
    _command(holding, number, "!ready")
    _command(holding, number, "!status delivered")
    holding.hasten()
    holding.settle()
    told = "\n".join(holding.told(number))
    assert "handed over" in told and "ready to be collected" not in told
    query = "SELECT state, reason FROM notifications WHERE template = 'repair_ready_pickup'"
    assert holding.table(query) == [("cancelled", "it was handed over meanwhile")]


def test_a_shop_system_is_never_held(holding):
    number = holding.open_thread()
    key = holding.shop_key()
    holding.report(key, "repair.created", external_id="C-1", conversation_id=number)
    holding.report(key, "repair.status_changed", external_id="C-1", status="testing")
    holding.settle()
    assert len(holding.told(number)) == 2


@pytest.mark.parametrize(
    ("labels", "status", "answer"),
    [
        (["repair-testing", "vip"], "testing", "received → testing"),
        (["repair-testing", "repair-repairing"], "received", "not clear which"),
        (["repair-received", "vip"], "received", None),
    ],
)
def test_an_agents_label_moves_the_repair_where_it_is_clear(mendline, labels, status, answer):
    number, _ = phones(mendline)
    notes, told = len(mendline.notes(number)), len(mendline.told(number))
    mendline.play("POST", f"/conversations/{number}/labels", labels=labels)
    mendline.settle()
    assert _statuses(mendline) == [status]
    assert len(mendline.told(number)) - told == (status != "received")
    fresh = mendline.notes(number)[notes:]
    assert len(fresh) == (answer is not None) and all(answer in note for note in fresh)
    others = [label for label in labels if not label.startswith("repair-")]
    assert sorted(mendline.thread(number)["labels"]) == sorted([f"repair-{status}", *others])


def test_labels_that_cannot_be_followed_are_explained(mendline):
    number, _ = phones(mendline, 2)
    notes = len(mendline.notes(number))
    mendline.play("POST", f"/conversations/{number}/labels", labels=["repair-testing"])
    mendline.settle()
    assert len(mendline.notes(number)) == notes + 1
    assert _statuses(mendline) == ["received", "received"]
    assert mendline.thread(number)["labels"] == ["repair-received"]


def test_a_late_echo_of_our_own_labels_is_no_wish(mendline):
    """Statuses that follow each other fast: an earlier one's label comes back after the last."""
    number, refs = phones(mendline)
    for status in ("diagnosing", "repairing"):
        _command(mendline, number, f"!status {status}")
    notes = len(mendline.notes(number))
    contact_id = mendline.one("SELECT contact_id FROM conversations")
    echo = builders.conversation(
        number,
        sender=builders.contact(contact_id),
        at=mendline.one("SELECT changed_at FROM conversations") + 1,
        labels=["repair-diagnosing"],
    )
    mendline.hear("conversation_updated", echo)
    mendline.settle()
    assert len(mendline.notes(number)) == notes
    assert _statuses(mendline) == ["repairing"]
    assert mendline.thread(number)["labels"] == ["repair-repairing"]


def test_a_delay_is_told_and_answered_once(mendline):
    number, _ = phones(mendline)
    notes, told = _command(mendline, number, "!delay +3d part late the courier lost it")
    assert len(notes) == 1 and "delay: part late, new date" in notes[0] and "Tom Reyes" in notes[0]
    assert len(told) == 1 and "the courier lost it" in told[0]
    assert mendline.one("SELECT estimated_on > now()::date FROM repairs")


@pytest.mark.parametrize(
    "words", ["!delay 2020-01-01 other", "!delay +3 days", "!delay 2026-13-01"]
)
def test_a_day_that_does_not_fit_changes_nothing(mendline, words):
    number, _ = phones(mendline)
    notes, told = _command(mendline, number, words)
    assert len(notes) == 1 and not told
    assert mendline.count("repair_history", "outcome = 'delay'") == 0
