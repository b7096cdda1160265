// SPDX-License-Identifier: Apache-2.0
// agent/fix/fix_words.h: what a repair's report says of runs, changes and tests.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "agent/fix.h"
#include "agent/fix/search.h"

namespace agent {

// A run as evidence, with the end of its output as valid UTF-8.
CheckRun evidence_of(const CheckResult& result);

std::string seconds_text(double seconds);                    // "1.5 s"
std::string changes_of(const Winner& winner);                // "a.py:3: `<` becomes `<=`; b.py:1: ..."
std::string proposers_of(const Winner& winner);              // each once
std::string some_of(const std::vector<std::string>& tests);  // "a, b, c and 5 more"

// Why a search ended with its time: what is left of it may be too little for a run and the proof of what that finds.
std::string end_of_time(std::chrono::milliseconds left, std::chrono::seconds whole);

// Adds what repairs a part of the failing tests, and which are left.
void say_of_part(const Partial& part, std::vector<std::string>& tried);

}  // namespace agent
