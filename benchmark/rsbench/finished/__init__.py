"""What can be done with a finished cell: restore, export, predict, and look at its gammas."""
