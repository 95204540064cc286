"""What was earned: of a repair, of a customer, in a period; and the sheets for the accountant."""
