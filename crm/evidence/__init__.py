"""Everything that shows what a customer agreed to and got, as one ZIP for a bank or a court."""
