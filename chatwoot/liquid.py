"""Keeps words that people typed out of Chatwoot's template engine.

Chatwoot renders the text of every outgoing message as Liquid before storing it (api.md 4.2):
`{{contact.email}}` typed by a customer and echoed by us would come out as an address, an unknown
variable as nothing. Our own templates are never written in Liquid, so whole messages pass here.
"""

from __future__ import annotations

import re

WORD_JOINER = "\u2060"
OPENING = re.compile(r"\{(?=[{%])")


def escape_liquid(text: str) -> str:
    """Put an invisible word joiner after each `{` that begins `{{` or `{%`.

    The result looks as typed and holds no opening delimiter, so Liquid finds nothing to render,
    whatever the closing ones, quotes or backticks around it do. Backticks, which Chatwoot also
    honours, are no protection: typed text may close them. Escaping twice changes nothing more.
    """
    return OPENING.sub("{" + WORD_JOINER, text)
