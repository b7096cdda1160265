// SPDX-License-Identifier: Apache-2.0
// tests/sandbox/isolation_guard.h: skips a case, and says so, where this machine gives no isolation.
#pragma once
#include <doctest/doctest.h>

#include "sandbox/sandbox.h"

#define REQUIRE_ISOLATION()                                                                   \
  if (!sandbox::probe_isolation().available) {                                                \
    MESSAGE("skipped: no isolation here. To fix it: ", sandbox::probe_isolation().fix);       \
    return;                                                                                   \
  }
