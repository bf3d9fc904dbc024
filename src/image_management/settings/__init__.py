"""The settings of image management: their table, and how they are read."""
