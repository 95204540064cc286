"""Files by API: who may, what comes back, all or nothing, and no row without its file."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from sqlalchemy import text

from crm.files import rules, service
from tests import builders
from tests.integration.files.conftest import sent, stored
from tests.unit.crm.files import samples


def path_of(url: str) -> str:
    return url.removeprefix("http://localhost:8000")


def test_a_photo_goes_in_and_comes_out(mendline, desk, repair, store):
    answer = desk("POST", f"/repairs/{repair}/files", **sent((samples.photo(), "../../x.HEIC")))
    assert answer.status_code == 201, answer.json
    (file,) = answer.json["data"]
    assert file["name"] == "x.jpg" and file["content_type"] == "image/jpeg"
    assert (file["width"], file["height"]) == (60, 40)
    assert file["repair"] == repair and file["ticket"] is None and not file["is_public"]
    assert len(stored(store)) == 3
    listed = desk("GET", f"/files?repair={repair}").json["data"]
    assert [one["id"] for one in listed] == [file["id"]]
    assert desk("GET", f"/repairs/{repair}/files").json["data"][0]["id"] == file["id"]
    content = desk("GET", f"/files/{file['id']}/content?size=small")
    for got in (content, mendline.http.get(path_of(file["thumbnails"]["small"]))):
        assert got.status_code == 200 and Image.open(io.BytesIO(got.data)).size == (60, 40)
        assert got.headers["Content-Disposition"] == "attachment; filename=x.jpg"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in got.headers["Content-Security-Policy"]
        assert "private" in got.headers["Cache-Control"]


def test_a_pdf_is_an_attachment(mendline, desk, repair):
    (file,) = desk("POST", f"/repairs/{repair}/files", **sent((samples.PDF, "b.pdf"))).json["data"]
    assert file["thumbnails"] is None and file["width"] is None
    got = mendline.http.get(path_of(file["url"]))
    assert got.data == samples.PDF and got.mimetype == "application/pdf"
    assert got.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ([samples.HTML], 415, "wrong-type"),
        ([samples.SVG], 415, "wrong-type"),
        ([samples.GIF_JS], 415, "wrong-type"),
        ([b""], 422, "empty"),
        ([b"\xff\xd8\xff" + b"\0" * (rules.MOST_BYTES - 2)], 413, "too-large"),
        ([samples.png(50_000, 50_000)], 422, "too-many-pixels"),
        ([samples.png(4, 4, frames=10_000)], 422, "moving"),
        ([samples.distinct(n) for n in range(11)], 422, "too-many-files"),
        ([], 422, "invalid"),
        ([samples.photo(), samples.SVG, samples.PDF], 415, "wrong-type"),
    ],
    ids=["html", "svg", "polyglot", "zero bytes", "a byte too many", "50,000 x 50,000",
         "10,000 frames", "11 files", "none", "one bad of three"],
)  # fmt: skip
def test_hostile_uploads_get_a_clear_answer_and_leave_nothing(
    mendline, desk, repair, store, files, status, code
):
    answer = desk("POST", f"/repairs/{repair}/files", **sent(*files))
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
    assert answer.json["errors"]["files"]
    assert mendline.count("files") == 0 and stored(store) == []


def test_a_body_past_every_limit_is_cut_off(desk, repair, store):
    length = {"CONTENT_LENGTH": str(200 * rules.MEGABYTE)}
    answer = desk(
        "POST", f"/repairs/{repair}/files", environ_overrides=length,
        input_stream=io.BytesIO(b"--x\r\n"),
        content_type="multipart/form-data; boundary=x",
    )  # fmt: skip
    assert answer.status_code == 413 and stored(store) == []


def test_a_connection_cut_on_the_way_leaves_nothing(mendline, desk, repair, store):
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    answer = desk(
        "POST", f"/repairs/{repair}/files", environ_overrides={"CONTENT_LENGTH": "5000"},
        input_stream=io.BytesIO(body + samples.photo()[:100]),
        content_type="multipart/form-data; boundary=x",
    )  # fmt: skip
    assert answer.status_code in (400, 422)
    assert mendline.count("files") == 0 and stored(store) == []


def test_json_is_no_upload(desk, repair):
    assert desk("POST", f"/repairs/{repair}/files", json={"files": []}).status_code == 415


def test_who_may(mendline, role, desk, repair, store):
    key = desk("POST", f"/repairs/{repair}/files", **sent(samples.photo())).json["data"][0]["id"]
    viewer, shop = role("viewer"), role("shop")
    assert viewer("GET", f"/files/{key}").status_code == 200
    assert viewer("POST", f"/repairs/{repair}/files", **sent(samples.PDF)).status_code == 403
    assert viewer("DELETE", f"/files/{key}").status_code == 403
    for method, path in (("GET", f"/files/{key}"), ("GET", f"/files/{key}/content"),
                         ("DELETE", f"/files/{key}"), ("GET", f"/repairs/{repair}/files"),
                         ("GET", f"/files?repair={repair}"),
                         ("POST", f"/repairs/{repair}/upload-links")):  # fmt: skip
        assert shop(method, path).status_code == 404, (method, path)
    assert shop("POST", f"/repairs/{repair}/files", **sent(samples.PDF)).status_code == 404
    assert mendline.http.get(f"/api/v1/files/{key}/content").status_code == 401
    with mendline.units() as uow:
        own = builders.repair(uow, owner_key=shop.key_id, external_id="A1").ref
        customer = builders.customer(uow)
        ticket = builders.ticket(uow, customer.id).ref
    assert shop("POST", f"/repairs/{own}/files", **sent(samples.PDF)).status_code == 201
    assert shop("GET", f"/files?ticket={ticket}").status_code == 403
    assert desk("POST", "/files", **sent(samples.PDF, ticket=ticket)).status_code == 201
    both = sent(samples.PDF, ticket=ticket, repair=own)
    assert desk("POST", "/files", **both).status_code == 422
    assert desk("POST", "/files", **sent(samples.PDF)).status_code == 422
    assert len(stored(store)) == 5


def test_the_same_key_answers_the_same(mendline, desk, repair):
    key = {"Idempotency-Key": "one"}
    first = desk("POST", f"/repairs/{repair}/files", headers=key, **sent(samples.photo()))
    again = desk("POST", f"/repairs/{repair}/files", headers=key, **sent(samples.photo()))
    other = desk("POST", f"/repairs/{repair}/files", headers=key, **sent(samples.PDF))
    assert again.json == first.json and again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422 and mendline.count("files") == 1


def test_the_same_bytes_are_filed_once_even_at_once(mendline, desk, repair, store):
    def upload(_):
        return desk("POST", f"/repairs/{repair}/files", **sent(samples.photo(), samples.photo()))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(upload, range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["data"][0]["id"] for answer in answers}) == 1
    assert mendline.count("files") == 1 and len(stored(store)) == 3


def test_a_repair_holds_100_megabytes(mendline, desk, repair, store):
    desk("POST", f"/repairs/{repair}/files", **sent(samples.photo()))
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE files SET size_bytes = 100 * 1024 * 1024 - 10"))
    answer = desk("POST", f"/repairs/{repair}/files", **sent(samples.PDF))
    assert (answer.status_code, answer.json["code"]) == (422, "full")
    assert mendline.count("files") == 1 and len(stored(store)) == 3


def test_before_and_after_are_pairs(desk, repair, store):
    def upload(number: int, **fields: str):
        form = sent(samples.distinct(number), **fields)
        answer = desk("POST", f"/repairs/{repair}/files", **form)
        return answer.status_code, answer.json.get("data", [{}])[0].get("pair")

    assert upload(1, stage="before") == (201, 1)
    assert upload(2, stage="before") == (201, 2)
    assert upload(3, stage="after", pair="2") == (201, 2)
    assert upload(4, stage="after") == (201, 1)
    assert upload(5, stage="before", pair="2")[0] == 409
    assert upload(6, stage="during")[0] == 422
    assert upload(7, pair="3")[0] == 422
    files = sent(samples.distinct(8), samples.distinct(9), stage="before")
    assert desk("POST", f"/repairs/{repair}/files", **files).json["code"] == "stage"
    pdf = desk("POST", f"/repairs/{repair}/files", **sent(samples.PDF)).json["data"][0]["id"]
    assert desk("PATCH", f"/files/{pdf}", json={"stage": "before"}).json["code"] == "stage"
    key = desk("POST", f"/repairs/{repair}/files", **sent(samples.photo())).json["data"][0]["id"]
    assert desk("PATCH", f"/files/{key}", json={"stage": "after"}).json["pair"] == 3
    assert desk("PATCH", f"/files/{key}", json={"pair": 4}).status_code == 422
    assert len(stored(store)) == 4 * 3 + 3 + 1


def test_release_and_removal(mendline, desk, repair, store):
    key = desk("POST", f"/repairs/{repair}/files", **sent(samples.photo())).json["data"][0]["id"]
    assert desk("PATCH", f"/files/{key}", json={"is_public": True}).json["is_public"]
    assert desk("DELETE", f"/files/{key}").status_code == 204
    assert desk("GET", f"/files/{key}").status_code == 404
    assert desk("GET", f"/files/{key}/content").status_code == 404
    assert mendline.count("files") == 0 and stored(store) == []
    kinds = mendline.column("SELECT kind FROM events WHERE subject_kind = 'file' ORDER BY id")
    assert kinds == ["file.added", "file.released", "file.removed"]


def test_removed_at_once_it_is_removed_once(mendline, desk, repair, store):
    key = desk("POST", f"/repairs/{repair}/files", **sent(samples.photo())).json["data"][0]["id"]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: desk("DELETE", f"/files/{key}").status_code, range(4))
    assert sorted(answers) == [204, 404, 404, 404] and stored(store) == []


def test_what_a_crash_leaves_is_swept(mendline, desk, repair, store):
    """Killed after the file stood in its place and before the row was committed."""
    kept = desk("POST", f"/repairs/{repair}/files", **sent(samples.photo())).json["data"][0]["id"]
    draft = store.draft()
    (draft / "sent").write_bytes(b"half")
    orphan = store.draft()
    (orphan / "full.jpg").write_bytes(b"no row")
    store.keep(orphan)
    service.sweep(mendline.units, store)
    assert len(stored(store)) == 5, "young ones may still be under way"
    service.sweep(mendline.units, store, older_than_seconds=-1)
    assert {path.parent.name for path in stored(store)} == {kept}
    assert desk("GET", f"/files/{kept}/content").status_code == 200
