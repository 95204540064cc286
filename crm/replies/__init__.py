"""Which repair a customer's message is about: understood, asked for, or told by an agent."""
