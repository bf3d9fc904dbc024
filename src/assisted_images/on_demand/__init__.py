"""Images that stay at their origin: read from there in blocks, of which those in use are kept."""
