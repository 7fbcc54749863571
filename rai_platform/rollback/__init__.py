"""Back from the production model to the last one that may be in production today: chosen, recorded, and seen to answer."""
