"""Shop systems (tills, bench software) that post repair updates, signed by Standard Webhooks."""
