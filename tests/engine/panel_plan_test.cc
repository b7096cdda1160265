// SPDX-License-Identifier: Apache-2.0
// Packed weights in one copy for all who load a model: the same logits, whoever packed them, and also where they cannot be shared.
#include "engine/fast/panel_plan.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/engine/session_kit.h"
#include "tests/engine/tiny_model.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace engine;
using namespace engine::test;

PanelPlan shared_at(const std::filesystem::path& folder, const std::string& key) {
  PanelPlan plan(true);
  plan.shared = base::SharedBlockPlace{key, folder};
  return plan;
}

}  // namespace

TEST_CASE("panel plan: models that share their weights compute what each would alone") {
  const ::test::TempDir dir;
  ThreadPool pool(2);
  for (const char* name : {"deepseek_v3", "deepseek_v4", "deepseek_v41", "qwen3_moe", "gpt_oss"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    const PanelPlan plan = shared_at(dir.path() / "shared", "model");
    {
      auto first = tiny.family->make_fast(best_kernels(), pool, plan);
      CHECK(base::SharedBlock::exists(*plan.shared));
      check_model(*first, tiny);
      const auto second = tiny.family->make_fast(best_kernels(), pool, plan);
      first.reset();  // who packed them goes, the weights stay
      check_model(*second, tiny);
    }
    CHECK_FALSE(base::SharedBlock::exists(*plan.shared));
  }
}

TEST_CASE("panel plan: where weights cannot be shared the model has its own") {
  const ::test::TempDir dir;
  ThreadPool pool(2);
  const TinyModel tiny = read_model("deepseek_v3"), other = read_model("qwen3_moe");
  REQUIRE(::mkdir((dir.path() / "open").c_str(), 0755) == 0);
  const PanelPlan refused = shared_at(dir.path() / "open", "model");
  check_model(*tiny.family->make_fast(best_kernels(), pool, refused), tiny);
  CHECK_FALSE(base::SharedBlock::exists(*refused.shared));
  // Another model's weights under the same key.
  const PanelPlan plan = shared_at(dir.path() / "shared", "model");
  const auto holder = other.family->make_fast(best_kernels(), pool, plan);
  check_model(*tiny.family->make_fast(best_kernels(), pool, plan), tiny);
  check_model(*holder, other);
}
