"""Bookings: from a draft to a firm slot that nobody else can get, and on to the check-in."""
