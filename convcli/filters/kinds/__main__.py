"""Prints the README's table of kinds."""

from convcli.filters.kinds.catalogue import readme_table

print(readme_table())
