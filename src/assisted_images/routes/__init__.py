"""What this service answers: the table of its routes, and what each of them gives."""
