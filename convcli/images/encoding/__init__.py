"""How a picture is encoded: its frames and the options of the encoder."""
