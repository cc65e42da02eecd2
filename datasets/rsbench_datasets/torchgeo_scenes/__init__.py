"""Scene data sets that torchgeo lays out: one declaration each, and a kind for all others."""
