"""Every message a customer can get by e-mail has a subject in every language."""

from __future__ import annotations

import pytest

from crm.notifications import texts

TOLD = sorted(
    path.stem
    for path in (texts.TEMPLATES / "en").glob("*.*")
    if path.suffix in (".chat", ".sms") and not path.name.startswith(("_", "note_"))
)
VALUES = {"shop": "Quay Phones", "ref": "RPR-2611-7K3QD"}
KNOWN = {
    "booking_cancelled": ("Cancelled: your booking RPR-2611-7K3QD", "Cancelada: a sua marcação RPR-2611-7K3QD"),
    "booking_confirmed": ("Confirmed: your booking RPR-2611-7K3QD at Quay Phones",
                          "Confirmada: a sua marcação RPR-2611-7K3QD na Quay Phones"),
    "booking_received": ("Your booking RPR-2611-7K3QD at Quay Phones",
                         "A sua marcação RPR-2611-7K3QD na Quay Phones"),
    "booking_reminder": ("Reminder: your booking RPR-2611-7K3QD at Quay Phones",
                         "Lembrete: a sua marcação RPR-2611-7K3QD na Quay Phones"),
    "booking_rescheduled": ("New time for your booking RPR-2611-7K3QD",
                            "Nova hora da sua marcação RPR-2611-7K3QD"),
    "repair_completed": ("The work is done: repair RPR-2611-7K3QD",
                         "O trabalho terminou: reparação RPR-2611-7K3QD"),
    "repair_delivered": ("Thank you from Quay Phones: repair RPR-2611-7K3QD",
                         "A Quay Phones agradece: reparação RPR-2611-7K3QD"),
    "repair_diagnosing": ("We are examining your device: repair RPR-2611-7K3QD",
                          "Estamos a examinar o seu aparelho: reparação RPR-2611-7K3QD"),
    "repair_ready_pickup": ("Ready to be collected: repair RPR-2611-7K3QD",
                            "Pronto para levantar: reparação RPR-2611-7K3QD"),
    "repair_received": ("We have your device: repair RPR-2611-7K3QD",
                        "Recebemos o seu aparelho: reparação RPR-2611-7K3QD"),
    "repair_repairing": ("The work has begun: repair RPR-2611-7K3QD",
                         "O trabalho começou: reparação RPR-2611-7K3QD"),
    "repair_testing": ("We are testing your device: repair RPR-2611-7K3QD",
                       "Estamos a testar o seu aparelho: reparação RPR-2611-7K3QD"),
    "repair_waiting_parts": ("Waiting for a part: repair RPR-2611-7K3QD",
                             "À espera de uma peça: reparação RPR-2611-7K3QD"),
    "verification_code": ("Your code for Quay Phones", "O seu código da Quay Phones"),
}  # fmt: skip


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", TOLD)
def test_every_message_has_a_subject_of_one_line(name: str, locale: str):
    subject = texts.render(locale, name, "subject", VALUES)
    assert 5 < len(subject) < 80 and "\n" not in subject


@pytest.mark.parametrize("name", KNOWN)
def test_what_they_say(name: str):
    assert (
        tuple(texts.render(locale, name, "subject", VALUES) for locale in ("en", "pt"))
        == KNOWN[name]
    )
