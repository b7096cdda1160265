// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/open_end.h"

#include <doctest/doctest.h>

TEST_CASE("open end: the last word with its blank, a run of signs, of digits, of blanks") {
  CHECK(agent::open_end_bytes("") == 0);
  CHECK(agent::open_end_bytes("x = retu") == 5);
  CHECK(agent::open_end_bytes("x.retu") == 4);
  CHECK(agent::open_end_bytes("x = ") == 1);
  CHECK(agent::open_end_bytes("if x:\n    ") == 5);
  CHECK(agent::open_end_bytes("a += 12") == 3);
  CHECK(agent::open_end_bytes("f(x)->") == 3);
  CHECK(agent::open_end_bytes("f (") == 2);
  CHECK(agent::open_end_bytes("na\xC3\xAFve") == 6);
  CHECK(agent::open_end_bytes("retu") == 4);
  CHECK(agent::open_end_bytes(std::string(64, 'a')) == 64);
  CHECK(agent::open_end_bytes("na\xEFve") == 0);
  CHECK(agent::open_end_bytes(std::string(65, 'a')) == 0);  // no token is that long
}
