"""Targets of your own, from maps: scenes, and a vector file of labelled places in them.

* ``options``: what a matrix states;
* ``labels``: rows of the vector file;
* ``rasters``: headers of scenes, and windows of their pixels;
* ``windows``: from a place on the map to a rectangle of pixels;
* ``placement``: which scene each place is taken from;
* ``footprints``: chips on the ground, and how near they are;
* ``split``: train and test;
* ``manifest``: the chips, remembered between runs;
* ``target``: the target itself.
"""
