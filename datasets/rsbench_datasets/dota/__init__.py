"""DOTA, object crops of aerial scenes (paper, section 4.1)."""
