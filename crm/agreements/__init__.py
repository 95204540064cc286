"""What customers sign when they leave a device and when they collect it, and proof of who collects."""
