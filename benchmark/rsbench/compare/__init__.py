"""``rsbench compare``: a run beside the published numbers, or beside another run."""
