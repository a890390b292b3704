"""The lesson of convolution, on the user's numbers, letters and pictures.

Text, animations and code from one description of a convolution, independent of terminal and
command line.
"""
