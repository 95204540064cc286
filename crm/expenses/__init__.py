"""What the shop spent: on a repair, for a customer, or at large."""
