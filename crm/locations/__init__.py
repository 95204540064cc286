"""The places a shop has: opening hours, days it is closed, and the benches work is done on."""
