"""MLflow: what was tracked, which versions there are, and the alias that follows the ledger."""
