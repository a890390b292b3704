"""The lesson of convolution, on one's own numbers, letters and pictures.

Text, animations and code from one description of a convolution; no part of it draws on a
terminal or knows the command line.
"""
