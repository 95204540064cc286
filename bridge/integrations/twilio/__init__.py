"""Text messages by Twilio: sending them, and hearing what became of them."""
