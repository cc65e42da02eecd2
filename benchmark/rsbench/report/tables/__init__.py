"""Tables of the report that need more than a few lines; the sections put them together."""
