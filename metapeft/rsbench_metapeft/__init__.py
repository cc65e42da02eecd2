"""MetaPEFT: one softplus modulator per inserted module, tuned by a bi-level loop (CVPR 2025)."""
