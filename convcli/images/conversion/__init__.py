"""Modes, profiles and palettes: what a format cannot hold is converted."""
