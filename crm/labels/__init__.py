"""Labels for devices and shelves as PDF, with QR codes; what stands on them is given by the caller."""
