"""One picture through its filters, strip by strip. No files."""
