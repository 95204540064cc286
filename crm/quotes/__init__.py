"""Quotes: what a repair will cost, in options, until the customer has decided."""
