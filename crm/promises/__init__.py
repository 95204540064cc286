"""When a repair will be done: days from the shop's own history, and what follows if they slip."""
