"""What is written down when a device is handed in, and the checklists before and after the work."""
