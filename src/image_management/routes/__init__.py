"""What is answered: the table of routes and the resources at their ends."""
