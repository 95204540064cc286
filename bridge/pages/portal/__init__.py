"""`/me`: a customer's repairs and messages, behind a link by e-mail."""
