"""What is in C{deploy/}, by the programs that it is for."""
