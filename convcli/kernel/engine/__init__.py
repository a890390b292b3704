"""Speed and nothing else: several methods for one convolution, and a cost model that chooses."""
