"""One file format a module, where Pillow's own encoder or decoder is slower or loses something."""
