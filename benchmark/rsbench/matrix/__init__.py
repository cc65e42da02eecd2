"""Matrix files: YAML, validated with line numbers, expanded into the cells of a sweep.

``load.load_matrix`` reads one, with what it extends and the stage it runs on laid over each other
(``chain``, ``compose``); ``expand.expand`` turns it into cells; ``select.filter_cells`` keeps some
of them; ``resolved`` writes the merged matrix as one file. Nothing heavy is imported here.
"""


class MatrixWarning(UserWarning):
    """A matrix that is valid but holds a rule without effect."""
