"""People who work in the shop, the machines that speak for it, and what each may do."""
