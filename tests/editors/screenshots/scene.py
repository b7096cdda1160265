
    def count(self, name):
        """How many pieces of `name` there are."""
        return