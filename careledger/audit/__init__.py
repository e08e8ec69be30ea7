"""Checking the chain by its own words: state rebuilt from events, beside the state the contracts answer with."""
