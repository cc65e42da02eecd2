"""Targets of your own, from maps: scenes, and a vector file of labelled places in them.

* ``options``: what a matrix states;
* ``labels``: rows of the vector file;
* ``headers``: what scenes say about themselves;
* ``windows``: from a place on the map to a rectangle of pixels;
* ``finding``: which places lie in a scene;
* ``reading``: windows of its pixels;
* ``steps``: how a chip is cut and read, in words;
* ``placement``: which scene each place is taken from;
* ``footprints``: chips on the ground, and how near they are;
* ``deal``: squares of ground for train and test;
* ``split``: train and test;
* ``manifest``: the chips, remembered between runs;
* ``grid``: a whole scene cut into windows, for predictions;
* ``target``: the target itself.
"""
