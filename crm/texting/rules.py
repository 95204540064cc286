"""What a text may be sent as. Without the tables, since the settings are checked by it."""

from __future__ import annotations

# A number, a messaging service of Twilio's, or a name of up to 11 signs.
SENDER = r"\+[1-9][0-9]{6,14}|MG[0-9a-zA-Z]{32}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}"
