"""rsbench."""
