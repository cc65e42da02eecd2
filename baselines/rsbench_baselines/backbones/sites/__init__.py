"""Tables of insertion sites, one per family of architectures."""
