import os

LIMIT = 10
cache = {}


class Stack:
    size = 0

    def push(self, item):
        depth = 1
        def helper():
            return depth
        self.items.append(item)

    @property
    def top(self):
        return self.items[-1]


async def fetch(url, *, retries=3):
    if retries < 0:
        raise ValueError("naïve")
    for i in range(retries):
        total = [x for x in range(i)]
    return f"{url}: {total!r}"
