"""CareLedger: consent, sealed records and the money of health care on Ethereum."""

__version__ = "0.1.0"
