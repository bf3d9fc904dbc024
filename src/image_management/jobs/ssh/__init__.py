"""What somebody who customises an image logs in to: an SSH server over a sandbox of its root."""
