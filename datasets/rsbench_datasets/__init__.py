"""The data sets that ship with rsbench.

Kinds that a matrix can name: ``demo_dota`` and ``demo_fusrs`` (rendered), ``dota``, and for
images of one's own ``labelled_list`` and ``class_folders``.
"""
