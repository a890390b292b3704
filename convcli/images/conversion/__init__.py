"""Conversions of modes, profiles and palettes, for formats that cannot hold what a picture has."""
