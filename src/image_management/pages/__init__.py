"""Pages for people: what there is of records, and how far jobs are."""
