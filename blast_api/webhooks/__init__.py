"""Applications are told of what happens: what is said, the way there, and the lane that sends it."""
