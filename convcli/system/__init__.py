"""The process that everything runs in: signals, files, streams, threads, memory. No pictures."""
