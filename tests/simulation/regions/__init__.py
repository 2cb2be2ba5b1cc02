"""Two regions whose databases are copies of each other, two relay centers, name servers that lag and lie, and an operator."""
