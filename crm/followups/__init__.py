"""What the shop asks and tells after a repair was handed over, and what customers answer."""
