"""The data sets that ship with rsbench.

Each is a subclass of :class:`rsbench.target.Target`, registered by name in ``pyproject.toml``;
``rsbench data ls`` lists them. Those for data of one's own are ``labelled_list``,
``class_folders`` and ``map_chips``.
"""
