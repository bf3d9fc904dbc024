"""What a program's command line has, told to shells and in its manual, out of its C{Options}."""
