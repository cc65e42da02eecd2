"""Demo backbone: a tiny vision transformer pretrained on a procedural source world.

`source` draws the source images, `network` builds the network and loads the shipped weights,
`pretrain` makes the weights again with one command. See MODEL_CARD.md beside this file.
"""
