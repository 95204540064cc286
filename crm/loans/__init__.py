"""Devices lent to customers while theirs is repaired."""
