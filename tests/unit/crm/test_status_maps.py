"""What other shop systems call the statuses."""

import pytest

from crm.repairs import status_maps
from crm.repairs.status_maps import Meaning, StatusMap, UnknownStatus
from crm.repairs.statuses import RepairFlag, RepairStatus


@pytest.mark.parametrize("name", status_maps.ready_made())
def test_ready_made_maps_lead_through_the_shop(name):
    entries = status_maps.ready_made()[name]
    reached = {one.status for one in entries}
    assert {RepairStatus.RECEIVED, RepairStatus.REPAIRING, RepairStatus.WAITING_PARTS,
            RepairStatus.READY_PICKUP} <= reached  # fmt: skip
    # RepairShopr lists no name for a device that was handed over.
    assert (RepairStatus.DELIVERED in reached) is (name == "repairdesk")
    names = [status_maps.plain(one.name) for one in entries]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("typed", ["Waiting for Parts", "waiting FOR parts", " WaitingForParts\t"])
def test_case_and_blanks_do_not_count(typed):
    speaks = StatusMap(status_maps.ready_made()["repairdesk"])
    assert speaks.read(typed).status is RepairStatus.WAITING_PARTS


@pytest.mark.parametrize("status", RepairStatus)
def test_our_own_names_are_always_understood(status):
    for entries in ((), *status_maps.ready_made().values()):
        assert StatusMap(entries).read(status.value).status is status


def test_the_keys_own_entries_come_first():
    speaks = StatusMap([Meaning("Done", RepairStatus.COMPLETED), Meaning("Done", None)])
    assert speaks.read("done").status is None


@pytest.mark.parametrize(
    "name", ["nope", "", "\u202ereceived", "x" * 10_000, "<script>", "{{7*7}}"]
)
def test_unknown_names_are_refused_with_those_known(name):
    with pytest.raises(UnknownStatus) as refused:
        StatusMap([Meaning("At the bench", RepairStatus.REPAIRING)]).read(name)
    (told,) = refused.value.errors["status"]
    assert "At the bench" in told and "ready_pickup" in told


def test_only_flags_of_the_map_are_touched():
    hold = Meaning("Paused", None, (RepairFlag.ON_HOLD,))
    going = Meaning("On", RepairStatus.REPAIRING)
    speaks = StatusMap([hold, going])
    assert speaks.with_flags(["in_storage"], hold) == ["in_storage", "on_hold"]
    assert speaks.with_flags(["in_storage", "on_hold"], going) == ["in_storage"]
    assert StatusMap().with_flags(["on_hold"], going) == ["on_hold"]
