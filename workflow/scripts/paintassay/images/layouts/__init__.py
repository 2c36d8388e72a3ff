"""Find the planes of a plate, a module for each layout of images."""
