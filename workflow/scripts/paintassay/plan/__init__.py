"""What the workflow needs to plan its jobs; neither numpy nor PyTorch."""
