"""Card payments a customer's bank asks back: what it says, what is due until when, what it costs."""
