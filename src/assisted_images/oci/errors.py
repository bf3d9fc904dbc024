"""What all errors about a registry's content have in common."""


class PayloadError(Exception):
    """Content of a registry that cannot be used; the text is the reason, in one sentence."""
