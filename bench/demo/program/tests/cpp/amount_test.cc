// SPDX-License-Identifier: Apache-2.0
#include "amount.h"

#include <doctest/doctest.h>

using namespace larder;

TEST_CASE("amount: up to three decimals are read exactly") {
  CHECK(parse_amount("25") == Amount{25000});
  CHECK(parse_amount("3.5") == Amount{3500});
  CHECK(parse_amount("-0.125") == Amount{-125});
  CHECK(parse_amount("+1.05") == Amount{1050});
  CHECK(parse_amount("0") == Amount{0});
}

TEST_CASE("amount: what is no number is refused") {
  for (const char* text : {"", "-", ".", "1.", ".5", "1.2345", "1,5", "12kg", "--1", "1e3"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_amount(text).has_value());
  }
  CHECK(parse_amount("123456789012").has_value());
  CHECK_FALSE(parse_amount("1234567890123").has_value());
}

TEST_CASE("amount: thousands are grouped and decimals rounded away from zero") {
  CHECK(format_amount(Amount{1234567890}) == "1,234,567.89");
  CHECK(format_amount(Amount{1234567}, 0) == "1,235");
  CHECK(format_amount(Amount{999000}, 0) == "999");
  CHECK(format_amount(Amount{5}) == "0.01");
  CHECK(format_amount(Amount{4}) == "0.00");
  CHECK(format_amount(Amount{-5}) == "-0.01");
  CHECK(format_amount(Amount{-4}) == "0.00");
  CHECK(format_amount(Amount{50}, 3) == "0.050");
}

TEST_CASE("amount: products and quotients are rounded to the nearest thousandth") {
  CHECK(multiply(Amount{2500}, Amount{1200}) == Amount{3000});
  CHECK(multiply(Amount{1}, Amount{500}) == Amount{1});
  CHECK(multiply(Amount{-1}, Amount{500}) == Amount{-1});
  CHECK(divide(Amount{10000}, Amount{3000}) == Amount{3333});
  CHECK(divide(Amount{20000}, Amount{3000}) == Amount{6667});
  CHECK(divide(Amount{-20000}, Amount{3000}) == Amount{-6667});
  CHECK(divide(Amount{20000}, Amount{-3000}) == Amount{-6667});
}

TEST_CASE("amount: rounding up stops at the next multiple of the step") {
  CHECK(round_up_to(Amount{4200}, Amount{1000}) == Amount{5000});
  CHECK(round_up_to(Amount{4000}, Amount{1000}) == Amount{4000});
  CHECK(round_up_to(Amount{1}, Amount{25000}) == Amount{25000});
  CHECK(round_up_to(Amount{-4200}, Amount{1000}) == Amount{-4000});
}
