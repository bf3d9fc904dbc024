"""Remote build nodes: machines that work on jobs, reached by SSH."""
