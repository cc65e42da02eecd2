"""Tables from the records of a run, and from nothing else."""
