"""Drawing: one style for all figures, and files that are the same byte for byte when redrawn."""
