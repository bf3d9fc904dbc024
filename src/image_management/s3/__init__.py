"""Objects in S3: looked at, read, written, copied and streamed without a thread."""
