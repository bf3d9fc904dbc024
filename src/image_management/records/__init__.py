"""Records: what each kind has, what clients may send of it, and how other releases wrote it."""
