"""CIFAR100-LT (paper, section 4.4)."""
