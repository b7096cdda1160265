// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_render.h: tests as text, before they have a place. Used inside agent/.
#pragma once
#include <string>
#include <vector>

namespace agent {

struct RenderedTests {
  std::string text;                  // the test functions or cases, each with the blank lines in front of it
  std::vector<std::string> names;    // of the tests
  std::vector<std::string> imports;  // whole lines: "from kitchen.units import Quantity", "#include \"date.h\""
};

}  // namespace agent
