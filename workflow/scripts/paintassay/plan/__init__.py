"""What the workflow needs to plan its jobs, without numpy and PyTorch."""
