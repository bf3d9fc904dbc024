"""C{python -m assisted_images} is C{assisted-images}."""

from assisted_images.command_line import main

if __name__ == "__main__":
    main()
