"""A finished run: its options, its result, its directory; training one, updating one."""
