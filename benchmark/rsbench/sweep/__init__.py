"""Run the cells of a sweep: an engine, executors behind one interface, and live progress."""
