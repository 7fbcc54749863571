"""How well the model does its work, each figure with an interval, against always giving the majority's answer."""
