"""FUSRS, SAR ship chips (paper, section 4.2)."""
