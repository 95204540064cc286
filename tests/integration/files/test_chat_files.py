"""Pictures sent in the chat are filed by themselves; addresses are not trusted."""

import base64

import pytest
from sqlalchemy import select, text

from crm.files.models import File
from tests import builders
from tests.integration.files.conftest import stored
from tests.unit.crm.files import samples


def shows(mendline, contact_id: int, *files: bytes) -> None:
    attachments = [
        {"filename": f"IMG_{n}.jpg", "content_type": "image/jpeg",
         "base64": base64.b64encode(content).decode()}
        for n, content in enumerate(files)
    ]  # fmt: skip
    mendline.play(
        "POST", f"/customers/{contact_id}/messages", content="look", attachments=attachments
    )
    mendline.settle()


@pytest.fixture
def contact(mendline, store) -> int:
    """A customer who is talking to us."""
    contact_id = mendline.visitor()
    mendline.writes(contact_id, "My screen broke")
    mendline.settle()
    return contact_id


def take_in(mendline) -> int:
    with mendline.units() as uow:
        customer_id = mendline.one("SELECT customer_id FROM tickets")
        repair_id = builders.repair(uow, customer_id).id
    mendline.settle()
    return repair_id


def files(mendline) -> list[File]:
    with mendline.units() as uow:
        return list(uow.session.scalars(select(File).order_by(File.id)))


def test_with_one_open_repair_they_are_the_repairs(mendline, store, contact):
    repair_id = take_in(mendline)
    shows(mendline, contact, samples.distinct(1), samples.distinct(2))
    found = files(mendline)
    assert [(one.repair_id, one.source, one.actor_kind) for one in found] == [
        (repair_id, "chat", "customer")
    ] * 2
    assert found[0].name == "IMG_0.jpg" and len(stored(store)) == 6
    assert mendline.unfinished() == []


def test_with_none_or_several_they_are_the_tickets(mendline, store, contact):
    shows(mendline, contact, samples.distinct(1))
    take_in(mendline), take_in(mendline)
    shows(mendline, contact, samples.distinct(2))
    assert [one.repair_id for one in files(mendline)] == [None, None]
    assert all(one.ticket_id for one in files(mendline))


def test_told_twice_they_are_filed_once(mendline, store, contact):
    take_in(mendline)
    shows(mendline, contact, samples.distinct(1))
    with mendline.units() as uow:
        # As after a crash in the middle.
        again = "UPDATE outbox SET state = 'pending', done_at = NULL WHERE kind = 'files.fetch'"
        uow.session.execute(text(again))
    mendline.settle()
    assert mendline.count("files") == 1 and len(stored(store)) == 3


def test_what_is_no_picture_stays_in_the_chat(mendline, store, contact):
    take_in(mendline)
    shows(mendline, contact, samples.HTML, samples.distinct(1), samples.bomb())
    result = mendline.one("SELECT result FROM outbox WHERE kind = 'files.fetch'")
    assert result["filed"] == 1 and len(result["refused"]) == 2
    assert mendline.count("files") == 1 and len(stored(store)) == 3
    assert mendline.unfinished() == []


def test_a_file_that_is_late_is_asked_for_again(mendline, store, contact):
    take_in(mendline)
    talk = builders.conversation(mendline.one("SELECT number FROM conversations"))
    url = "http://127.0.0.1/rails/active_storage/blobs/redirect/none/a.jpg"
    attachment = {"id": 9, "file_type": "image", "data_url": url, "file_size": 5}
    mendline.hear("message_created", builders.message(talk, attachments=[attachment]))
    mendline.settle()
    fetch = "FROM outbox WHERE kind = 'files.fetch'"
    assert mendline.one(f"SELECT state {fetch}") == "pending"
    with mendline.units() as uow:
        earlier = "UPDATE outbox SET first_tried_at = first_tried_at - interval '11 minutes'"
        uow.session.execute(text(f"{earlier} WHERE kind = 'files.fetch'"))
    mendline.hasten()
    mendline.settle()
    assert mendline.one(f"SELECT state {fetch}") == "done"
    assert mendline.one(f"SELECT result {fetch}")["filed"] == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/a.jpg",
        "http://[::1]/a.jpg",
        "http://[::ffff:10.0.0.1]/a.jpg",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.jpg",
        "http://user:word@127.0.0.1/a.jpg",
        "http://localhost/a.jpg",
        "http://[::1/a.jpg",
    ],
)
def test_addresses_inside_are_not_asked(mendline, store, contact, url):
    talk = builders.conversation(mendline.one("SELECT number FROM conversations"))
    attachment = {"id": 9, "file_type": "image", "data_url": url, "file_size": 5}
    message = builders.message(talk, attachments=[attachment])
    assert mendline.hear("message_created", message).status_code == 202
    mendline.settle()
    result = mendline.one("SELECT result FROM outbox WHERE kind = 'files.fetch'")
    assert result["filed"] == 0 and len(result["refused"]) == 1, result
    assert mendline.count("files") == 0 and stored(store) == []
