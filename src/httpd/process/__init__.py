"""What a service does about its own process: its end, its memory, its open files."""
