"""What customers are told: texts, and the log of every message with its reason and state."""
