"""Pictures encoded: frames and options decided, then written by the encoder of the format."""
