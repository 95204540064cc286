"""From an event to the moment a mail server has taken the letter, beside the steady load.

News of repairs come twice a second from a shop system, each about a customer with an address and
no conversation; the same is measured first without anything else to do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench import letters, rest
from bench.client import Traffic, send
from bench.figures import Figure
from bench.machinery import SECRET, state_directory, whole_service
from bench.steady import MESSAGES_EACH, PER_SECOND

NEWS_PER_SECOND = 2.0
MOST_P99 = 5.0
FIRST_PERSON = 1_000_000  # far above the numbers of the conversations' customers
CALM_SHARE = 4  # the calm part is so many times shorter


def run(*, seconds: float = 120) -> list[Figure]:
    count = int(seconds * NEWS_PER_SECOND)
    calm = count // CALM_SHARE
    environ = {"MAIL_FROM": "shop@example.com", "HOLD_SECONDS": "0"}
    with letters.post_office() as office, state_directory() as state:
        environ["SMTP_URL"] = office.url
        with whole_service(state, **environ) as service:
            messages = int(seconds * PER_SECOND)
            threads = rest.quiet_threads(service, messages // MESSAGES_EACH)
            last = FIRST_PERSON + calm + count
            till = letters.Till(service, letters.parts_of(service, state, environ))
            url = service.stores.database_url
            letters.people(url, FIRST_PERSON, last, "received", till.key_id)
            before = letters.tell(office, till, FIRST_PERSON, calm, NEWS_PER_SECOND)
            with ThreadPoolExecutor(1) as pool:
                load = pool.submit(send, Traffic(
                    service.port, SECRET, threads, rest.FIRST_ID, messages, per_second=PER_SECOND
                ))  # fmt: skip
                beside = letters.tell(office, till, FIRST_PERSON + calm, count, NEWS_PER_SECOND)
                accepted = load.result().statuses[202]
    return [
        *letters.figures("mail: event to accepted, calm", before, MOST_P99),
        *letters.figures(f"mail: event to accepted, beside {PER_SECOND}/s", beside, MOST_P99),
        Figure("mail: deliveries accepted beside it", accepted, "", at_least=messages),
    ]
