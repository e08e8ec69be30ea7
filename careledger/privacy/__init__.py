"""What keeps people private: commitments, Merkle trees, sealing, wraps and their openers, pseudonyms, wallet backup."""
