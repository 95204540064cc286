"""E-mail addresses that take no mail, and what proves that they take it again."""
