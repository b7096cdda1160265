// SPDX-License-Identifier: Apache-2.0
// agent/next_edit/edit_sites.h: places where an edit could be made again, with what speaks for each. Used only inside agent/.
//
// Note     The examples are edits that agree. What they changed must stand at the place in the same way; that the
// surroundings agree too is evidence,
//          weighed in edit_evidence.h.
#pragma once
#include <stop_token>
#include <string>
#include <vector>

#include "agent/next_edit/edit_context.h"
#include "agent/next_edit/edit_evidence.h"
#include "agent/next_edit/edit_shape.h"

namespace agent {

struct EditSite {
  tools::Range range;  // of the text now
  std::string text;    // to stand there
  Evidence evidence;
};

// Whether both did the same: one can be an example for the other.
bool agree(const EditShape& a, const EditShape& b);

// `examples` are not empty, the newest first; all are changes of `now`. Places overlap neither each other nor the
// examples.
std::vector<EditSite> find_edit_sites(const std::vector<EditShape>& examples, const CodeText& now,
                                      const LanguageTraits* traits, std::stop_token stop);

// Of one kind each (edit_sites.cc, insert_sites.cc, rewrite_sites.cc).
void find_replace_sites(const std::vector<EditShape>& examples, const CodeText& now, const LanguageTraits* traits,
                        std::vector<EditSite>& found);
void find_insert_sites(const std::vector<EditShape>& examples, const CodeText& now, std::vector<EditSite>& found);
void find_wrap_sites(const std::vector<EditShape>& examples, const CodeText& now, std::vector<EditSite>& found);
// False, and nothing found, where no part of the node was kept.
bool find_rewrite_sites(const std::vector<EditShape>& examples, const CodeText& now, std::vector<EditSite>& found);
bool agree_on_rewrite(const EditShape& a, const EditShape& b);

// What the surroundings of a place have in common with those of an example.
void compare(const EditContext& example, const EditContext& site, Evidence& evidence);
// Of all examples, the one that speaks most for the place; `make` fills in the rest of the evidence. Where there are
// several examples, a place that is less like them than they are like each other is marked.
Evidence best_evidence(const std::vector<EditContext>& examples, const EditContext& site);

}  // namespace agent
