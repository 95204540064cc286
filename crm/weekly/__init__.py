"""The owner's weekly letter: what moved most in the shop, and what moved it."""
