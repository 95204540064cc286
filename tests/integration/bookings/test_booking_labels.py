"""Labels of a booking: one for each device that was taken in."""

from __future__ import annotations

import pypdfium2


def test_each_device_has_its_label_after_check_in(shop):
    devices = [{"model": "iphone-13", "repair_types": ["screen"]}] * 2
    made = shop.confirmed(devices=devices)
    path = f"/bookings/{made['ref']}/label.pdf"
    early = shop.call("GET", path, "desk")
    assert (early.status_code, early.json["code"]) == (409, "not-checked-in")
    assert shop.call("POST", f"/bookings/{made['ref']}/check-in", "desk").status_code == 200
    content = shop.call("GET", path, "desk").data
    words = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content)]
    refs = [ref for (ref,) in shop.rows("SELECT ref FROM repairs ORDER BY id")]
    assert len(words) == 2 and all(ref in page for ref, page in zip(refs, words, strict=True))
    assert not any("Ilse" in page for page in words)
    assert shop.call("GET", path).status_code == 401
    assert shop.call("GET", "/bookings/none/label.pdf", "desk").status_code == 404
