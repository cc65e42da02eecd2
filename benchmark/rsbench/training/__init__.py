"""Training and testing of one cell. Importing these modules loads torch."""
