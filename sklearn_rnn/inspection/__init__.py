"""To see what a network does: Displays, importance, diagnosis. Stands on fitted attributes and public methods only."""
