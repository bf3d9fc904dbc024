"""
The way out: requests to other servers, by way of proxies, with the trust that is configured.

What goes wrong is told in one phrase that is safe to show; what does not arrive is given up.
"""
