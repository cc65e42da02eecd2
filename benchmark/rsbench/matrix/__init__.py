"""Matrix files: YAML, validated with line numbers, expanded into the cells of a sweep.

``load.load_matrix`` reads one, ``expand.expand`` turns it into cells, ``select.filter_cells``
keeps some of them. Nothing heavy is imported here.
"""


class MatrixWarning(UserWarning):
    """A matrix that is valid but holds a rule without effect."""
