"""The ledger of a thumbnail folder, which says what was made of what and marks the folder."""
