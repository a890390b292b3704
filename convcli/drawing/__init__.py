"""Pictures about filters: kernels, frequency responses and contact sheets."""
