"""Repairs: their way through the eight statuses, their history, and the tickets they belong to."""
