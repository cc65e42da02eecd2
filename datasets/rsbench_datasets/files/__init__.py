"""Image files of one's own and of data sets: indices, digests, pixels, links."""
