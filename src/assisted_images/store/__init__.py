"""The OS images on disk: brought there, checked, and looked up."""
