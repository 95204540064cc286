"""Warranty on finished repairs, and devices that come back under it."""
