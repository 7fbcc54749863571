"""The prediction service: the certified production model over HTTP, and a log of every prediction it gave."""
