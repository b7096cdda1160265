// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_build_cpp.h: how to compile one source file of a project together with those it needs. Used inside agent/.
//
// Flags come from compile_commands.json where the project has one; else include paths are guessed: the file's folder, the
// root, include/ and src/, and the folders in which what is included was found. What is needed besides a source file is found by its includes: a header
// "x/y.h" of the project brings x/y.cc, and so on from there, until nothing new comes.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tools/work_tree.h"

namespace agent {

struct CppBuild {
  std::string compiler = "c++";
  std::vector<std::string> flags;     // include paths, definitions and language options, shell-quoted
  std::vector<std::string> headers;   // of the project, all that the file includes, direct or not; the file itself if one
  std::vector<std::string> sources;   // to link besides the file: relative paths
  std::string include;                // the line that includes the header of the file under test
  std::string problem;                // a sentence, where no header declares its functions
};

CppBuild plan_cpp_build(const tools::WorkTree& tree, const std::vector<tools::FileEntry>& files, const std::string& file,
                        const std::string& text);

bool is_cpp_header(std::string_view path);
bool is_cpp_source(std::string_view path);
std::string shell_quoted(std::string_view word);

}  // namespace agent
