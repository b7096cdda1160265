# SPDX-License-Identifier: Apache-2.0
# Target `tree_sitter`: the Tree-sitter core and the pinned grammars as one static library, from the C sources
# inside npm packages (cmake/grammars/package-lock.json). Debian's libtree-sitter is too old for ABI 15 grammars.
if(NOT GRAFT_GRAMMARS_DIR)
  set(GRAFT_GRAMMARS_DIR ${CMAKE_SOURCE_DIR}/build/grammars/node_modules CACHE PATH "" FORCE)
endif()
if(NOT EXISTS ${GRAFT_GRAMMARS_DIR}/tree-sitter/vendor/tree-sitter/lib/src/lib.c)
  message(FATAL_ERROR "Tree-sitter sources not found in ${GRAFT_GRAMMARS_DIR}. Run ./scripts/setup first.")
endif()

set(ts_core ${GRAFT_GRAMMARS_DIR}/tree-sitter/vendor/tree-sitter/lib)
# package-relative source folders; scanner.c is taken where there is one
set(ts_grammars
  tree-sitter-c/src tree-sitter-cpp/src tree-sitter-python/src tree-sitter-javascript/src
  tree-sitter-typescript/typescript/src tree-sitter-typescript/tsx/src tree-sitter-rust/src tree-sitter-go/src
  tree-sitter-java/src tree-sitter-json/src tree-sitter-bash/src tree-sitter-cuda/src)

set(ts_objects "")
add_library(tree_sitter STATIC ${ts_core}/src/lib.c)
target_include_directories(tree_sitter SYSTEM PUBLIC ${ts_core}/include)
target_include_directories(tree_sitter PRIVATE ${ts_core}/src)
target_compile_options(tree_sitter PRIVATE -w -O2)
foreach(grammar IN LISTS ts_grammars)
  string(MAKE_C_IDENTIFIER ts_${grammar} target)
  file(GLOB sources ${GRAFT_GRAMMARS_DIR}/${grammar}/parser.c ${GRAFT_GRAMMARS_DIR}/${grammar}/scanner.c)
  add_library(${target} OBJECT ${sources})  # one target each: every grammar has its own tree_sitter/parser.h
  target_include_directories(${target} PRIVATE ${GRAFT_GRAMMARS_DIR}/${grammar})
  target_compile_options(${target} PRIVATE -w -O1)
  target_sources(tree_sitter PRIVATE $<TARGET_OBJECTS:${target}>)
endforeach()
