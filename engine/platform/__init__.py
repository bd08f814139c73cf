"""Devices: what each kind can do, its memory, its clock.  Questions about a device go here."""
