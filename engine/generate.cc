// SPDX-License-Identifier: Apache-2.0
// generate(), generate_together() and continuation_logprob() of engine/engine.h, over any Session.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/generation.h"
#include "engine/kernels/softmax.h"
#include "engine/lookahead.h"
#include "engine/room.h"

namespace engine {
namespace {

// Tokens scored at once: enough to read each weight once for many of them, few enough that their logits stay small.
constexpr size_t kScoredAtOnce = 32;

}  // namespace

base::Result<Generated> generate(Session& session, std::span<const Token> prompt, const GenerateOptions& options,
                                 std::stop_token stop) {
  if (base::Status bad = Generation::check(session, prompt, options); !bad) return std::move(bad).error();
  const std::shared_ptr<void> right_of_way = session.right_of_way();
  if (base::Status synced = session.sync(prompt, stop); !synced) return std::move(synced).error();
  Generation generation(session.engine(), prompt, options);
  Lookahead ahead(session, prompt, static_cast<size_t>(std::max(0, options.max_draft_tokens)),
                  static_cast<size_t>(std::max(0, options.max_layer_draft_tokens)));
  std::span<const float> logits = ahead.first();
  while (!generation.done()) {
    if (stop.stop_requested()) return base::cancelled();
    if (generation.n_chosen() > 0) {
      auto evaluated = ahead.next(generation.last(), generation.forced(), generation.n_left(), stop);
      if (!evaluated) return std::move(evaluated).error();
      logits = *evaluated;
    }
    if (base::Status chosen = generation.choose(logits); !chosen) return std::move(chosen).error();
    generation.count_drafts(ahead.n_drafted(), ahead.n_accepted());
  }
  return generation.take();
}

std::vector<base::Result<Generated>> generate_together(std::span<const GenerateRequest> requests, std::stop_token stop) {
  std::vector<base::Result<Generated>> results(requests.size(), base::cancelled());
  std::vector<std::unique_ptr<Generation>> running(requests.size());
  const auto fail = [&](size_t i, base::Error error) {
    results[i] = std::move(error);
    running[i].reset();
  };
  const auto choose = [&](size_t i) {
    if (base::Status chosen = running[i]->choose(requests[i].session->logits()); !chosen) return fail(i, std::move(chosen).error());
    if (!running[i]->done()) return;
    results[i] = running[i]->take();
    running[i].reset();
  };
  std::vector<std::shared_ptr<void>> right_of_way;
  for (const GenerateRequest& request : requests) right_of_way.push_back(request.session->right_of_way());
  for (size_t i = 0; i < requests.size(); ++i) {
    const GenerateRequest& request = requests[i];
    base::Status ready = Generation::check(*request.session, request.prompt, request.options);
    if (ready) ready = request.session->sync(request.prompt, stop);
    if (!ready) {
      fail(i, std::move(ready).error());
      continue;
    }
    running[i] = std::make_unique<Generation>(request.session->engine(), request.prompt, request.options);
    if (running[i]->done())
      results[i] = running[i]->take(), running[i].reset();
    else
      choose(i);
  }
  for (;;) {
    std::vector<Session*> sessions;
    std::vector<Token> tokens;
    std::vector<size_t> who;
    for (size_t i = 0; i < requests.size(); ++i) {
      if (!running[i]) continue;
      sessions.push_back(requests[i].session);
      tokens.push_back(running[i]->last());
      who.push_back(i);
    }
    if (who.empty()) return results;
    base::Status stepped = stop.stop_requested() ? base::Status(base::cancelled())
                                                 : requests[who[0]].session->engine().step(sessions, tokens, stop);
    if (!stepped) {
      for (const size_t i : who) fail(i, stepped.error());
      return results;
    }
    for (const size_t i : who) choose(i);
  }
}

base::Result<double> continuation_logprob(Session& session, std::span<const Token> prompt, std::span<const Token> continuation,
                                          std::stop_token stop) {
  if (prompt.empty()) return base::invalid("continuation_logprob: the prompt needs at least one token.");
  const std::shared_ptr<void> right_of_way = session.right_of_way();
  if (continuation.empty()) {
    if (base::Status synced = session.sync(prompt, stop); !synced) return std::move(synced).error();
    return 0.0;
  }
  if (base::Status full = check_room(session, prompt.size(), continuation.size() - 1); !full) return std::move(full).error();
  const auto n_vocab = static_cast<size_t>(session.engine().info().n_vocab);
  for (const std::span<const Token> part : {prompt, continuation})
    for (const Token token : part)
      if (token < 0 || static_cast<size_t>(token) >= n_vocab)
        return base::invalid("Token id " + std::to_string(token) + " is not in the vocabulary of " + std::to_string(n_vocab) + " tokens.");

  // Evaluated in one run: the prompt's last token, then the continuation without its last. So the prompt's own last logits,
  // which no session keeps after a rewind, come with the continuation's.
  const std::span<const Token> held = session.tokens();
  const size_t before = prompt.size() - 1;
  const auto shared = static_cast<size_t>(std::mismatch(prompt.begin(), prompt.end() - 1, held.begin(), held.end()).first - prompt.begin());
  session.rewind(static_cast<int>(shared));
  if (base::Status ready = session.append(prompt.subspan(shared, before - shared), {}, stop); !ready) return std::move(ready).error();

  thread_local std::vector<float> logits;  // kept: hundreds of candidates follow each other
  double logprob = 0.0;
  std::vector<Token> input(1, prompt.back());
  input.insert(input.end(), continuation.begin(), continuation.end() - 1);
  for (size_t done = 0; done < input.size();) {
    const size_t n = std::min(kScoredAtOnce, input.size() - done);
    logits.resize(std::max(logits.size(), n * n_vocab));
    const std::span<float> room(logits.data(), n * n_vocab);
    if (base::Status scored = session.append({input.data() + done, n}, room, stop); !scored) return std::move(scored).error();
    for (size_t i = 0; i < n; ++i) {
      const float* row = room.data() + i * n_vocab;
      logprob += static_cast<double>(row[static_cast<size_t>(continuation[done + i])]) - log_sum_exp(row, static_cast<int64_t>(n_vocab));
    }
    done += n;
  }
  session.rewind(static_cast<int>(prompt.size()));
  if (std::isnan(logprob)) return not_numbers();
  return logprob;
}

}  // namespace engine
