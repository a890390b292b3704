"""Encoders and decoders of our own, a format a module, where Pillow's are slower or lossy."""
