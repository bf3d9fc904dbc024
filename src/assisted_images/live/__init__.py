"""
CoreOS live ISOs: what is in them, where configuration goes, and the minimal ISO.

Everything here blocks on the disk and is called in threads; L{assisted_images.live.compose} alone
is pure arithmetic.
"""
