"""Policy and evidence become verdicts, verdicts a decision, and all of it a ledger that shows when it was touched."""
