"""
The settings of this service: every row, what they mean together, and the command line.

What every service has of them is in L{httpd.settings}.
"""
