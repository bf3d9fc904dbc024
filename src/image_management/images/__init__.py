"""What concerns records and their objects: links, manifests, soft delete, undelete, hard delete."""
