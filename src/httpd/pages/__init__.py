"""
Pages for people, in a browser: whole in their HTML, and kept as things are by server-sent events.

A page is a shell around parts (L{httpd.pages.parts}).  Some parts are live: they show values that
change, and are drawn anew when they do, once for everybody who looks (L{httpd.pages.feed}).
"""
