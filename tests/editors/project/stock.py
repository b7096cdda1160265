"""Stock levels of a small shop."""


class Stock:
    """Counts of items by name; never below zero."""

    def __init__(self):
        self.counts = {}

    def add(self, name, amount):
        """Adds `amount` pieces of `name`."""
        if amount < 0:
            raise ValueError("amount must not be negative")
        self.counts[name] = self.counts.get(name, 0) + amount

    def take(self, name, amount):
        """Takes `amount` pieces away and returns how many are left."""
        if amount >= self.counts.get(name, 0):
            raise ValueError("not enough " + name)
        self.counts[name] -= amount
        return self.counts[name]

    def total(self):
        """Number of pieces of all items together."""
        return sum(self.counts.values())
