"""Produces every checkpoint, the bundled gallery and the measured results of the demo."""
