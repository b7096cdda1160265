// SPDX-License-Identifier: Apache-2.0
// The real binary over pipes: exit codes, a lost client, a dead parent, the loopback port.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "base/unique_fd.h"
#include "tests/lsp/peer.h"

using Json = nlohmann::json;

namespace {

class Process {
 public:
  explicit Process(std::vector<std::string> argv, bool capture_errors = false) {
    std::signal(SIGPIPE, SIG_IGN);
    int in[2], out[2], err[2];
    REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(err, O_CLOEXEC) == 0);
    std::vector<char*> pointers;
    for (auto& text : argv) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    pid = ::fork();
    if (pid == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      if (capture_errors) ::dup2(err[1], 2);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    ::close(err[1]);
    to = base::UniqueFd(in[1]);
    from = base::UniqueFd(out[0]);
    errors = base::UniqueFd(err[0]);
  }
  ~Process() {
    if (pid > 0) ::kill(pid, SIGKILL), wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  pid_t pid = -1;
  base::UniqueFd to, from, errors;
};

const std::string kGraft = GRAFT_BINARY_DIR "/graft";
const Json kPlain = {{"capabilities", Json::object()}};

}  // namespace

TEST_CASE("graft lsp: initialize, symbols, shutdown, exit: 0, and nothing but frames on stdout") {
  Process graft({kGraft, "lsp"});
  test::Peer peer(graft.from.get(), graft.to.get());
  peer.start_reading();  // throws on anything that is no JSON frame
  CHECK(peer.ask("initialize", kPlain)["result"]["serverInfo"]["name"] == "graft");
  peer.notify("initialized", Json::object());
  peer.notify("textDocument/didOpen",
              {{"textDocument",
                {{"uri", "file:///a.py"}, {"languageId", "python"}, {"version", 1}, {"text", "def f(): pass\n"}}}});
  CHECK(peer.ask("textDocument/documentSymbol", {{"textDocument", {{"uri", "file:///a.py"}}}})["result"][0]["name"] ==
        "f");
  CHECK(peer.ask("shutdown", nullptr).contains("result"));
  peer.notify("exit", nullptr);
  peer.wait_for_end();
  CHECK(graft.wait() == 0);
}

TEST_CASE("graft lsp: exit without shutdown and the end of its input are 1, SIGTERM is 130") {
  {
    Process graft({kGraft, "lsp"});
    test::Peer peer(graft.from.get(), graft.to.get());
    peer.notify("exit", nullptr);
    CHECK(graft.wait() == 1);
  }
  {
    Process graft({kGraft, "lsp"});
    graft.to.reset();
    CHECK(graft.wait() == 1);
  }
  {
    Process graft({kGraft, "lsp"});
    test::Peer peer(graft.from.get(), graft.to.get());
    peer.start_reading();
    peer.ask("initialize", kPlain);
    ::kill(graft.pid, SIGTERM);
    peer.wait_for_end();
    CHECK(graft.wait() == 130);
  }
}

TEST_CASE("graft lsp: ends when the editor dies, though another process holds its input open") {
  Process editor({"/bin/cat"});
  Process graft({kGraft, "lsp"});
  test::Peer peer(graft.from.get(), graft.to.get());
  peer.start_reading();
  peer.ask("initialize", {{"capabilities", Json::object()}, {"processId", editor.pid}});
  ::kill(editor.pid, SIGKILL);
  editor.wait();
  peer.wait_for_end();
  CHECK(graft.wait() == 1);
}

TEST_CASE("graft lsp --port: one client on a loopback socket") {
  Process graft({kGraft, "lsp", "--port", "0"}, true);
  std::string line;
  for (char c = 0; ::read(graft.errors.get(), &c, 1) == 1 && c != '\n';) line += c;
  const size_t colon = line.rfind(':');
  REQUIRE(colon != std::string::npos);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(line.substr(colon + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr generic;
  std::memcpy(&generic, &address, sizeof generic);
  REQUIRE(::connect(socket.get(), &generic, sizeof generic) == 0);
  test::Peer peer(socket.get(), socket.get());
  peer.start_reading();
  CHECK(peer.ask("initialize", kPlain).contains("result"));
  CHECK(peer.ask("shutdown", nullptr).contains("result"));
  peer.notify("exit", nullptr);
  peer.wait_for_end();
  CHECK(graft.wait() == 0);
}
