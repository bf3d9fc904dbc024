"""The commands of C{assisted-images}, a module each."""
