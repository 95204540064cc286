"""The booking pages as a client without a browser sees them."""

from __future__ import annotations

import re

from crm.bookings import drafts, opening
from tests.integration.bookings.conftest import Shop
from tests.integration.bookings.guest import CONTACT, Guest


def test_a_guest_books_and_proves(mailing: Shop, guest: Guest):
    guest.chosen()
    assert "/contact" in guest.at
    guest.do("contact", **CONTACT)
    assert "Almost done" in guest.page, guest.page
    guest.do("code", code=mailing.code())
    assert "Your booking is firm" in guest.page
    assert mailing.rows("SELECT status, by_guest FROM bookings") == [("confirmed", True)]


def test_without_mail_and_sms_staff_confirm_what_the_page_holds(shop: Shop):
    guest = Guest(shop.http).chosen()
    assert "We confirm your booking within a day" in guest.page
    guest.do("contact", **CONTACT)
    assert "We have your booking" in guest.page and 'id="code"' not in guest.page
    ((ref, hours, codes),) = shop.rows(
        "SELECT ref, extract(epoch FROM held_until - now()) / 3600, "
        "(SELECT count(*) FROM booking_proofs) FROM bookings"
    )
    assert 23.9 < hours <= 24 and codes == 0
    assert shop.call("POST", f"/bookings/{ref}/confirm", "desk").json["status"] == "confirmed"
    assert "Your booking is firm" in guest.get(guest.home).page


def test_a_draft_is_resumed_by_its_link_and_nothing_is_lost_on_the_way_back(guest: Guest):
    guest.begin().do("repairs", repair_types="screen", problem="fell into the sink")
    home = guest.home
    assert "/place" in guest.get(home).at
    page = guest.get(f"{home}/repairs").page
    assert re.search(r'value="screen" checked', page) and "fell into the sink" in page
    guest.get(f"{home}/time").do("time", starts_at=guest.get(f"{home}/time").free()[3])
    guest.do("contact", name="Ilse", email="nonsense", note="ring twice")
    assert guest.status == 422 and "not a complete e-mail address" in guest.page
    assert 'value="Ilse"' in guest.page and "ring twice" in guest.page
    assert 'href="#email"' in guest.page and 'aria-invalid="true"' in guest.page
    assert "/contact" in guest.get(home).at


def test_several_devices_an_unknown_one_and_the_price_of_their_state(mailing: Shop, guest: Guest):
    guest.begin().do("repairs", repair_types="screen", then="another")
    assert "/device" in guest.at
    guest.do("device", category="macbook", name="MacBook of 2011")
    assert "device=1" in guest.at
    guest.post(f"{guest.home}/repairs?device=1", problem="no picture")
    guest.do("condition", **{"condition-0": "poor"}, is_urgent="yes")
    rows = mailing.rows("SELECT name, minutes, price_minor FROM booked_devices ORDER BY position")
    assert rows == [("Apple iPhone 13", 60, 38999), ("MacBook of 2011", 30, None)]
    guest.do("condition", **{"condition-0": "good"})
    assert mailing.rows("SELECT price_minor FROM booked_devices")[0] == (19999,)
    guest.do("remove", device="0")
    assert mailing.rows("SELECT name, position FROM booked_devices") == [("MacBook of 2011", 0)]


def test_a_price_that_is_no_longer_held_is_shown_anew_before_the_booking(mailing, guest):
    guest.chosen()
    with mailing.parts.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE estimates SET expires_at = now() - interval '1 day'"
        )
    guest.do("contact", **CONTACT)
    assert guest.status == 409 and "no longer held" in guest.page
    guest.do("contact", **CONTACT)
    assert "Almost done" in guest.page


def test_sent_twice_it_is_booked_once(mailing: Shop, guest: Guest):
    guest.chosen()
    guest.do("contact", **CONTACT)
    other_tab = Guest(mailing.http).get(guest.home)
    assert "Almost done" in other_tab.post(f"{guest.home}/contact", **CONTACT).page
    assert "Almost done" in other_tab.post(f"{guest.home}/repairs", repair_types="battery").page
    assert mailing.rows("SELECT count(*) FROM bookings")[0][0] == 1
    assert mailing.rows("SELECT count(*) FROM booking_proofs")[0][0] == 1
    code = mailing.code()
    guest.do("code", code=code)
    assert "Your booking is firm" in guest.do("code", code=code).page


def test_a_slot_that_went_meanwhile_is_told_with_others_in_its_place(mailing: Shop, guest: Guest):
    one, two = guest.chosen(), Guest(mailing.http).chosen()
    one.do("contact", **CONTACT)
    two.do("contact", name="Rui Alves", email="rui@example.org")
    assert "/time" in two.at and "Somebody else has just taken this time" in two.page
    assert two.free()
    two.do("time", starts_at=two.free()[0])
    assert "Rui Alves" in two.page
    assert "Almost done" in two.do("contact", name="Rui Alves", email="rui@example.org").page


def test_a_late_code_for_a_slot_that_is_gone_leads_to_the_free_times(mailing: Shop, guest: Guest):
    guest.chosen().do("contact", **CONTACT)
    code = mailing.code()
    ((start,),) = mailing.rows("SELECT starts_at FROM bookings")
    with mailing.parts.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE bookings SET held_until = now() - interval '1 minute'"
        )
    mailing.book("desk", starts_at=start.isoformat())
    guest.do("code", code=code)
    assert "/time" in guest.at and "Somebody else" in guest.page
    assert mailing.rows("SELECT status FROM bookings ORDER BY id")[0] == ("draft",)


def test_wrong_codes_are_counted_and_a_new_one_helps(mailing: Shop, guest: Guest):
    guest.chosen().do("contact", **CONTACT)
    wrong = "000000" if mailing.code() != "000000" else "111111"
    for _ in range(5):
        assert "This code is not right" in guest.do("code", code=wrong).page
    assert "Too many wrong codes" in guest.do("code", code=mailing.code()).page
    assert "six digits. Look" in guest.do("code", code="٣٤").page
    assert "A new code is on its way" in guest.do("code/again").page
    assert "Your booking is firm" in guest.do("code", code=mailing.code()).page


def test_the_address_can_be_mended_before_the_code_is_given(mailing: Shop, guest: Guest):
    guest.chosen().do("contact", name="Ilse", email="isle@example.org")
    guest.do("reopen")
    assert "/contact" in guest.at and "isle@example.org" in guest.page
    guest.do("contact", **CONTACT)
    assert "ilse@example.org" in guest.page
    assert "Your booking is firm" in guest.do("code", code=mailing.code()).page


def test_a_firm_booking_is_moved_put_into_a_calendar_and_cancelled(mailing: Shop, guest: Guest):
    guest.chosen().do("contact", **CONTACT).do("code", code=mailing.code())
    home = guest.home
    ((before,),) = mailing.rows("SELECT starts_at FROM bookings")
    guest.get(f"{home}/move")
    guest.do("move", starts_at=guest.free()[-1])
    assert "The new time is noted" in guest.page
    assert mailing.rows("SELECT starts_at FROM bookings")[0][0] != before
    ics = mailing.http.get(re.search(r"/api/v1/bookings/[^\"]+\.ics", guest.page)[0])
    assert ics.mimetype == "text/calendar" and b"SEQUENCE:1" in ics.data
    assert "The time goes to somebody else" in guest.get(f"{home}/cancel").page
    assert mailing.rows("SELECT status FROM bookings") == [("confirmed",)]
    assert "This booking is cancelled" in guest.do("cancel").page
    assert "This booking is cancelled" in guest.get(f"{home}/move").page
    assert mailing.rows("SELECT count(*) FROM reservations WHERE released_at IS NULL")[0][0] == 0


def test_an_invite_is_asked_for_and_cannot_be_walked_around(mailing: Shop, guest: Guest):
    mailing.call("PATCH", "/locations/quay", "manager", json={"invite_code": "tide"})
    guest.chosen()
    assert "Invite code" in guest.page
    assert "This invite code is not right" in guest.do("contact", **CONTACT).page
    token = guest.home.removeprefix("/book/")
    assert mailing.call("POST", f"/bookings/{token}/submit").status_code == 403
    assert "Almost done" in guest.do("contact", **CONTACT, invite_code="tide").page


def test_links_that_open_nothing_look_the_same(mailing: Shop, guest: Guest):
    home = guest.begin().home
    for path in ("/book/x", f"{home}x", f"{home}x/time", f"/book/{'y' * 190}/contact"):
        assert guest.get(path).status == 404 and "opens no booking" in guest.page
    assert guest.get(f"{home}/repairs?device=7").status == 404
    assert guest.http.get(f"{home}/repairs").headers["Cache-Control"] == "no-store"


def test_post_needs_an_address_and_extras_have_their_price(mailing: Shop, guest: Guest):
    guest.begin().do("repairs", repair_types="screen")
    assert "Fill in street" in guest.do("place", way="post").page
    assert "Choose how" in guest.do("place", way="rocket").page
    home = {"street": "Quay 1", "postal_code": "1", "city": "Hull", "country": "gb"}
    guest.do("place", way="post", services="express", **home)
    assert "/time" in guest.at
    assert mailing.rows("SELECT way, fee_minor FROM bookings") == [("post", 3400)]


def test_old_drafts_are_dropped_and_nothing_else(mailing: Shop, guest: Guest):
    guest.begin()
    firm = mailing.confirmed()
    with mailing.parts.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE bookings SET updated_at = now() - interval '31 days'"
        )
    with mailing.parts.units() as uow:
        drafts.forget(uow)
    assert mailing.rows("SELECT ref FROM bookings") == [(firm["ref"],)]


def test_a_first_place_is_made_once(db: str, shop: Shop):
    with shop.parts.units() as uow:
        assert not opening.furnish(uow, "Other", "Europe/London")
    assert shop.rows("SELECT slug FROM locations") == [("quay",)]


def test_a_draft_that_staff_made_in_a_chat_is_finished_by_its_link(mailing: Shop, guest: Guest):
    wish = {"devices": [{"model": "iphone-13", "repair_types": ["screen"]}], "name": "Ilse"}
    made = mailing.call("POST", "/bookings", "desk", json=wish).json
    guest.get(f"/book/{made['token']}")
    assert "/place" in guest.at
    guest.get(f"{guest.home}/time")
    guest.do("time", starts_at=guest.free()[0])
    assert 'value="Ilse"' in guest.page
    guest.do("contact", **CONTACT).do("code", code=mailing.code())
    assert "Your booking is firm" in guest.page


def test_a_booking_that_has_begun_is_for_the_shop_to_change(mailing: Shop, guest: Guest):
    guest.chosen().do("contact", **CONTACT).do("code", code=mailing.code())
    with mailing.parts.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE bookings SET starts_at = now() - interval '1 minute'"
        )
    assert "/cancel" not in guest.get(guest.home).page
    guest.do("cancel")
    assert mailing.rows("SELECT status FROM bookings") == [("confirmed",)]
