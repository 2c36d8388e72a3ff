"""The figures of the paper, with the data behind them."""
