"""What the world shows, asked from here: observations only, nothing is judged."""
