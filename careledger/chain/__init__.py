"""The chain side of the SDK: talking to nodes, signing, sending exactly once, coding and decoding."""
