"""What the SDK offers of each contract: one module per contract, reached through ``CareLedger``."""
