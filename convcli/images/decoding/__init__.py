"""Files to decoded samples, and what arrives otherwise than the file means it."""
