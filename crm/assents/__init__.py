"""What a customer's plain yes means: the one quote or booking that waits for it, or a question."""
