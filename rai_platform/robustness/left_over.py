"""What attacks without limits may leave of accuracy and still be believed."""

LEFT = 0.05  # of accuracy: what a search that is not told where to look may miss


def most_left(classes: int) -> float:
    """The largest accuracy that an attack without limits may leave of a model of so many classes.

    Who may change everything can put any other input in its place, one that is taken for another class: where the model can be
    moved at all, nothing should stand. Chance is no measure of that. An attack that finds its way in one direction alone leaves
    one of two balanced classes whole, which is chance. With more than 20 classes even a network that says the same of everything
    leaves less than 5 %, and must not be taken for one that was turned.

    Args:
        classes: two or more.
    """
    return min(LEFT, 1 / classes)
