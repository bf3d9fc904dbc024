"""
The machinery of settings, and the rows that every service has.

A setting is a row of a table (L{setting}); what reads its text is in L{readers}; L{reading} reads
a whole table; L{options} makes a command line of it.
"""
