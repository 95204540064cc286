"""What customers find at `/me`: signing in by mail, and what they were told."""
