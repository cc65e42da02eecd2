"""iNaturalist 2018, in the format of its competition (paper, section 4.3)."""
