"""Image files to pictures: identified, opened, decoded."""
