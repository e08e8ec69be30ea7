"""A region of people who live on the ledger for a year, and a linker that tries to tell whose accounts are whose.

``chain`` the engine and the ledger · ``places``, ``people``, ``acts``, ``region`` the year · ``sight`` what a stranger
decodes · ``joins`` identifiers that are shared · ``features``, ``records``, ``scorer``, ``score`` what else gives
people away, against chance · ``verdict`` what must hold · ``node`` the ledger of a real chain.
"""
