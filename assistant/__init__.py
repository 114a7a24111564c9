"""The course's assistant: an image in, a finding out. `from assistant import reader`."""
