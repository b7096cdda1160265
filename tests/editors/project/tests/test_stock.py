import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import unittest

from stock import Stock


class StockTest(unittest.TestCase):
    def test_takes_some(self):
        stock = Stock()
        stock.add("pen", 5)
        self.assertEqual(stock.take("pen", 2), 3)

    def test_takes_the_last_one(self):
        stock = Stock()
        stock.add("pen", 1)
        self.assertEqual(stock.take("pen", 1), 0)

    def test_refuses_more_than_there_is(self):
        stock = Stock()
        stock.add("pen", 1)
        with self.assertRaises(ValueError):
            stock.take("pen", 2)


if __name__ == "__main__":
    unittest.main()
