"""C{make run-ims}: image management with an S3 server, a sample recipe and a sample image."""
