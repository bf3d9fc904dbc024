"""Jobs, which build an image from a recipe or open one to be customised."""
