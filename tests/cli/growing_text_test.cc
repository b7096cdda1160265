// SPDX-License-Identifier: Apache-2.0
// A text shown while it grows: nothing is shown that a stop string takes back, and nothing is lost.
#include "cli/growing_text.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <memory>

namespace {

struct File {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), std::fclose};
  std::string text() const {
    std::rewind(file.get());
    std::string out;
    for (int c = std::fgetc(file.get()); c != EOF; c = std::fgetc(file.get())) out += static_cast<char>(c);
    return out;
  }
};

}  // namespace

TEST_CASE("growing text: the beginning of a stop string is held back until it is none") {
  const File to;
  cli::GrowingText text(to.file.get(), {"\n\n", "END"});
  text.show("a\n");
  CHECK(to.text() == "a");
  text.show("a\nb EN");
  CHECK(to.text() == "a\nb ");
  text.show("a\nb ENE");  // the E may begin another
  CHECK(to.text() == "a\nb EN");
  text.show("a\nb ENE.");
  CHECK(to.text() == "a\nb ENE.");
}

TEST_CASE("growing text: the end that was held back is written at last, or never where it was cut off") {
  const File ended, cut;
  cli::GrowingText first(ended.file.get(), {"END"}), second(cut.file.get(), {"END"});
  first.show("x EN");
  first.finish("x EN");
  CHECK(ended.text() == "x EN");
  second.show("x EN");
  second.finish("x ");
  CHECK(cut.text() == "x ");
}

TEST_CASE("growing text: without stop strings all is shown at once, and once") {
  const File to;
  cli::GrowingText text(to.file.get(), {});
  text.show("one");
  text.show("one two");
  text.finish("one two");
  CHECK(to.text() == "one two");
}
