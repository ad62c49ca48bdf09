"""Speech that the project synthesises itself, as training data for the network that hears mouth movement."""
