"""The passcode box: codes of devices in repair, sealed, every look logged, wiped after hand-over."""
