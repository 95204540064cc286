"""Our events for shop systems: which there are, what they say, and who is owed them."""
