"""Processing one picture: shapes, operators, strips of rows, linear light. No files."""
