"""What people look at the ledger with: the notebooks, and the dashboard that one of them is."""
