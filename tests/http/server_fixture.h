// A server over real loopback sockets and a fake store, with its own loop thread.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "http/server_impl.h"
#include "tests/http/fake_backend.h"
#include "tests/http/test_client.h"

namespace cairn::http {

class ServerTest : public testing::Test {
 protected:
  ServerTest();
  ~ServerTest() override;

  /// Starts the server on a free port.
  void start(ServerOptions options = {});
  void stop() { server_->stop(); }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] Client client() const { return Client(port()); }
  /// One request on a connection of its own.
  Answer ask(std::string_view bytes) const { return client().ask(bytes); }
  /// Runs `work` on the loop thread and waits for it.
  void on_loop(const std::function<void(FakeBackend&)>& work);
  /// Waits until the backend holds this many unanswered calls.
  void await_held(std::size_t n);
  /// Waits until the metrics page shows such a number.
  void await_metric(const std::string& name, const std::function<bool(double)>& wanted);
  [[nodiscard]] std::vector<std::string> calls();

  boost::asio::io_context io_{1};
  std::shared_ptr<FakeBackend> backend_ = std::make_shared<FakeBackend>(io_.get_executor());
  std::shared_ptr<Server::Impl> server_;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread loop_;
};

/// The answer's body as JSON; null if it is not.
[[nodiscard]] boost::json::value json_of(const Answer& answer);
/// A problem's code, after checking that status, content type and members fit together.
[[nodiscard]] std::string code_of(const Answer& answer);
[[nodiscard]] std::string member(const Answer& answer, const char* name);

}  // namespace cairn::http
