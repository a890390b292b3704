"""The process and the operating system: signals, files, streams, threads, memory. No pictures."""
