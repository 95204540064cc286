"""What staff should know of: a list for each person, with what they have read."""
