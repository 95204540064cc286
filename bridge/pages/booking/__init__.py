"""`/book`: a guest books a repair step by step, and looks after the booking by its link."""
