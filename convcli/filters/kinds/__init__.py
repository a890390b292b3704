"""Kinds: filters made from a name and parameters. Add one to ``catalogue`` and give its maker."""
