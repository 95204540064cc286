"""The quote page: decides by its link alone, adds up here, and says clearly what is closed."""

from __future__ import annotations

import html
import re
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import text

from bridge import limits
from crm.core.events import Actor
from crm.payments import service as payments
from crm.payments.service import NewPayment
from crm.quotes import queries
from tests.integration.quotes.conftest import GLASS, LABOUR, SCREEN, Desk

TWO = [{"name": "A", "lines": [SCREEN]}, {"name": "B", "lines": [LABOUR, GLASS]}]
PAGE_ONLY = re.compile(r"Ilse|Brandt|example\.com|127\.0\.0\.1")
RTL = "\u202egnp.exe"


def path(sent: dict) -> str:
    return urlsplit(sent["url"]).path


def opened(desk: Desk, sent: dict, query: str = ""):
    return desk.shop.http.get(path(sent) + query)


def post(desk: Desk, sent: dict, **form: object):
    told = {"version": 1, "digest": sent["digest"], "option": 0, **form}
    return desk.shop.http.post(path(sent), data=told)


def moved(desk: Desk) -> list:
    """What a refused form must not have touched."""
    return desk.shop.rows(
        "SELECT (SELECT count(*) FROM quote_decisions), (SELECT count(*) FROM ticket_messages), "
        "(SELECT count(*) FROM events), state, version FROM quotes"
    )


def expire(desk: Desk) -> None:
    with desk.shop.parts.units() as uow:
        uow.session.execute(text("UPDATE quotes SET expires_at = now() - interval '1 minute'"))


def test_it_shows_lines_and_totals_and_nobody(desk: Desk):
    reduced = {"label": "Book", "unit_minor": 1_050, "tax": "reduced"}
    facts = {"legal_name": "Quay Phones Ltd", "address": ["1 Quay"], "vat_number": "GB123456789",
             "country": "GB"}  # fmt: skip
    sent = desk.sent(deposit_minor=2_500, options=[{"lines": [SCREEN, reduced, GLASS]}, *TWO])
    # Who has not said whether tax is charged does not name any.
    assert "Of it" not in opened(desk, sent).text
    stored = desk.call("PUT", "/company", "manager", json=facts)
    assert stored.status_code == 200, stored.text
    page = opened(desk, sent)
    assert page.status_code == 200 and page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex" and not PAGE_ONLY.search(page.text)
    told = html.unescape(page.text)
    assert "£130.50" in told and "£25.00" in told and "Option 1" in told
    assert "Of it 20 % tax: £20.00." in told and "Of it 5 % tax: £0.50." in told
    assert f"I approve “Option 1” of quote {sent['ref']} for £130.50." in told
    assert told.count("checked") == 0 and desk.show(sent["ref"])["state"] == "sent"


def test_the_price_of_what_is_ticked_is_added_up_here(desk: Desk):
    sent = desk.sent()
    less = opened(desk, sent).text
    assert "£150.00" in less and "£165.00" not in less and 'name="shown" value=""' in less
    more = post(desk, sent, do="total", optional=[2], total_minor="1", amount="0.01").text
    assert "£165.00" in more and 'name="shown" value="2"' in more
    for _ in range(35):  # looking at prices is not limited as deciding is
        assert post(desk, sent, do="total").status_code == 200
    assert moved(desk)[0][0] == 0


def test_nobody_approves_a_total_that_was_not_shown(desk: Desk):
    sent = desk.sent()
    surprised = post(desk, sent, do="approve", shown="2")
    assert surprised.status_code == 409 and "The total has changed" in surprised.text
    assert "£150.00" in surprised.text and desk.show(sent["ref"])["state"] == "sent"
    assert post(desk, sent, do="approve", shown="").status_code == 303
    assert desk.show(sent["ref"])["decision"]["total_minor"] == 15_000


def test_approved_on_the_page(desk: Desk):
    sent = desk.sent(deposit_minor=4_000)
    for _ in range(2):
        form = {"optional": [2], "shown": "2", "total_minor": "1", "unit_minor": "1"}
        assert post(desk, sent, do="approve", **form).status_code == 303
    assert desk.events("quote.approved") == 1
    decision = desk.show(sent["ref"])["decision"]
    assert (decision["total_minor"], decision["via"]) == (16_500, "page")
    words = f"I approve “Original part” of quote {sent['ref']} for £165.00."
    assert decision["words"] == words
    kept = "SELECT words, digest, ip_address, user_agent, by_kind FROM quote_decisions"
    ((*kept, agent, by),) = desk.shop.rows(kept)
    assert kept == [words, sent["digest"], "127.0.0.1"] and agent and by == "customer"
    shown = opened(desk, sent).text
    assert sent["digest"][:12] in shown and "£165.00" in shown and "£15.00" in shown
    assert "/pay/" in shown and "£40.00" in shown and not PAGE_ONLY.search(shown)
    other = post(desk, sent, do="approve")
    assert other.status_code == 409 and "decided before" in other.text
    assert post(desk, sent, do="decline").status_code == 409
    assert desk.show(sent["ref"])["decision"]["total_minor"] == 16_500


def test_a_deposit_that_was_paid_is_not_asked_again(desk: Desk):
    sent = desk.sent(deposit_minor=4_000)
    post(desk, sent, do="approve")
    with desk.shop.parts.units() as uow:
        repair_id = queries.by_ref(uow, sent["ref"]).repair_id
        paid = NewPayment("cash", 4_000, "GBP", repair_id=repair_id, purpose="deposit")
        payments.take(uow, paid, Actor("staff", "Rosa"))
    assert "/pay/" not in opened(desk, sent).text


def test_declined_with_a_reason(desk: Desk):
    sent = desk.sent()
    reason = f"Too dear {{{{7*7}}}} {RTL} <script>alert(1)</script>"
    for _ in range(2):
        assert post(desk, sent, do="decline", text=reason + "\0").status_code == 303
    assert desk.show(sent["ref"])["decision"]["reason"] == reason
    assert desk.events("quote.declined") == 1
    assert "declined" in opened(desk, sent).text and "Too dear" not in opened(desk, sent).text
    assert post(desk, sent, do="approve").status_code == 409


def test_questions_go_into_the_thread_each_once(desk: Desk):
    sent = desk.sent()
    form = re.search(r'name="form" value="(\w{32})"', opened(desk, sent).text)[1]
    for _ in range(2):
        asked = post(desk, sent, do="ask", text="Is it original?\0", form=form)
        assert asked.status_code == 303 and asked.location.endswith("asked=1#ask")
    post(desk, sent, do="ask", text="Is it original?", form="another page")
    assert "We have your question" in opened(desk, sent, "?asked=1").text
    expire(desk)
    assert post(desk, sent, do="ask", text="And now?", form="x").status_code == 303
    rows = desk.shop.rows("SELECT body FROM ticket_messages ORDER BY id")
    assert rows == [("Is it original?",), ("Is it original?",), ("And now?",)]


def test_bad_forms_change_nothing(desk: Desk, subtests):
    sent = desk.sent(options=[*TWO, {"lines": [SCREEN]}])
    before = moved(desk)
    long = "a" * 10_000
    approve = [
        {"digest": "0" * 64}, {"digest": ""}, {"digest": sent["digest"].upper()}, {"digest": long},
        {"digest": "\0"}, {"version": "2"}, {"version": "0"}, {"version": "-1"}, {"version": long},
        {"option": "9"}, {"option": "-1"}, {"option": "²"}, {"option": ""}, {"option": "1.0"},
        {"option": "1", "optional": "0"}, {"optional": "1"}, {"optional": "-1"},
        {"optional": "<script>"}, {"optional": [str(n) for n in range(5_000)]}, {"optional": RTL},
    ]  # fmt: skip
    others = [
        {"do": "ask", "text": ""}, {"do": "ask", "text": " \0 "}, {"do": "ask", "text": long},
        {"do": "decline", "version": ""}, {"do": "decline", "version": "2"},
        {"do": "decline", "text": long}, {"do": "{{7*7}}"}, {"do": "\0"}, {"do": RTL}, {},
        {"do": long},
    ]  # fmt: skip
    for form in [*({"do": "approve", **one} for one in approve), *others]:
        limits.limiter.reset()
        with subtests.test(str(form)[:60]):
            answer = post(desk, sent, **form)
            assert answer.status_code in (409, 422), answer.text[:300]
            assert "<script>alert" not in answer.text and ">49<" not in answer.text
            assert 'role="alert"' in answer.text and moved(desk) == before
    token = path(sent).rsplit("/", 1)[1]
    for forged in ("forged", token[:-1], token + "a", token.swapcase(), "a" * 5_000, "%00", RTL):
        with subtests.test(forged[:20]):
            limits.limiter.reset()
            answer = desk.shop.http.post(f"/quote/{forged}", data={"do": "approve"})
            assert answer.status_code == 404 and moved(desk) == before
            assert desk.shop.http.get(f"/quote/{forged}").status_code == 404
    # A token opens its own kind of page and no other.
    assert desk.shop.http.get(f"/pay/{token}").status_code == 404


def test_what_was_typed_is_kept(desk: Desk):
    sent = desk.sent()
    for action in ("ask", "decline"):
        again = post(desk, sent, do=action, text="b" * 2_001)
        assert again.status_code == 422 and again.text.count("b" * 2_001) == 1


def test_a_form_of_another_site_is_refused(desk: Desk):
    sent = desk.sent()
    before = moved(desk)
    for action in ("approve", "decline", "ask", "total"):
        answer = desk.shop.http.post(
            path(sent),
            data={"do": action, "text": "x", "version": 1, "digest": sent["digest"], "option": 0},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
        assert answer.status_code == 403 and moved(desk) == before


def test_deciding_too_often_shows_the_page_and_keeps_the_words(desk: Desk):
    sent = desk.sent()
    for _ in range(30):
        post(desk, sent, do="nothing")
    late = post(desk, sent, do="ask", text="Is it original?")
    assert late.status_code == 429 and "wait a little" in late.text
    assert "Is it original?" in late.text and moved(desk)[0][1] == 0


def test_links_that_open_nothing_and_quotes_that_are_closed(desk: Desk):
    draft = desk.quote()
    with desk.shop.parts.units() as uow:
        quote = queries.by_ref(uow, draft["ref"])
        hidden = {"url": desk.shop.parts.shop.links.quote(quote.id, quote.created_at)}
        old = datetime.now(UTC) - timedelta(days=91)
        past = {"url": desk.shop.parts.shop.links.quote(quote.id, old)}
    assert opened(desk, hidden).status_code == opened(desk, past).status_code == 404
    first = desk.sent()
    second = desk.sent(title="Newer")
    assert opened(desk, first).status_code == 410 and "newer" in opened(desk, first).text
    assert post(desk, first, do="approve").status_code == 410
    expire(desk)
    late = opened(desk, second)
    assert late.status_code == 410 and "no longer hold" in late.text
    assert post(desk, second, do="approve").status_code == 410
    third = desk.sent()
    desk.call("POST", f"/quotes/{third['ref']}/withdraw")
    gone = opened(desk, third)
    assert gone.status_code == 410 and "taken it back" in gone.text
    for page in (late, gone):
        assert "£" not in page.text and "iPhone" not in page.text
    assert desk.events("quote.approved") == 0


def test_a_changed_quote_is_read_again(desk: Desk):
    sent = desk.sent()
    body = desk.body(options=[{"lines": [SCREEN, GLASS, GLASS]}], title="Second thoughts")
    desk.call("PUT", f"/quotes/{sent['ref']}", json=body)
    being_changed = post(desk, sent, do="approve")
    assert being_changed.status_code == 410 and "changing it" in being_changed.text
    desk.call("POST", f"/quotes/{sent['ref']}/send")
    late = post(desk, sent, do="approve", optional=[2])
    assert late.status_code == 409 and "has changed since" in late.text
    # The ticks belonged to other lines: the new version begins without any.
    assert "Second thoughts" in late.text and late.text.count("checked") == 0
    digest = desk.show(sent["ref"])["digest"]
    assert post(desk, sent, do="approve", digest=digest).status_code == 409
    assert post(desk, sent, do="decline").status_code == 409
    assert desk.show(sent["ref"])["state"] == "sent"
    assert post(desk, sent, do="approve", digest=digest, version=2).status_code == 303


def test_ten_at_once_and_one_wins(desk: Desk):
    sent = desk.sent(options=[*TWO, {"name": "C", "lines": [LABOUR]}])
    app = desk.shop.http.application
    answers: list[tuple[int, int]] = []

    def approve(number: int) -> None:
        form = {"do": "approve", "version": 1, "digest": sent["digest"], "option": number % 3}
        answer = app.test_client().post(path(sent), data=form)
        answers.append((number % 3, answer.status_code))

    threads = [threading.Thread(target=approve, args=(n,)) for n in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    won = {option for option, status in answers if status == 303}
    assert len(answers) == 10 and len(won) == 1
    assert {status for option, status in answers if option not in won} == {409}
    assert desk.show(sent["ref"])["decision"]["option"] in won
    assert desk.events("quote.approved") == 1


def test_strange_words_stay_words(desk: Desk):
    line = {"label": "<script>alert(1)</script>{{ 7*7 }}", "unit_minor": 100}
    options = [{"name": "%(ref)s {{ 8*8 }} %", "lines": [line]}]
    sent = desk.sent(options=options, note=f"{RTL}💥", title="<b>x</b>")
    for _ in range(2):
        page = opened(desk, sent)
        assert page.status_code == 200 and "{{ 7*7 }}" in page.text and "{{ 8*8 }} %" in page.text
        assert "<script>alert" not in page.text and "<b>x" not in page.text
        post(desk, sent, do="approve")
    assert desk.show(sent["ref"])["state"] == "approved"


def test_it_speaks_portuguese(desk: Desk):
    sent = desk.sent(deposit_minor=4_000)
    page = opened(desk, sent, "?lang=pt").text
    english = r">\s*(Approve|Decline|Show the price|Total tax|What it costs|Send the question)\s*<"
    assert "Aprovar" in page and "Recusar" in page and not re.search(english, page)
    answer = desk.shop.http.post(
        path(sent) + "?lang=pt",
        data={"do": "approve", "version": 1, "digest": sent["digest"], "option": 0},
    )
    assert answer.status_code == 303 and "lang=pt" in answer.location
    assert desk.show(sent["ref"])["decision"]["words"].startswith("Aprovo “Original part”")
    assert "Sinal a pagar" in opened(desk, sent, "?lang=pt").text
