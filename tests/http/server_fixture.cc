#include "tests/http/server_fixture.h"

#include <future>

#include "http/problem.h"

namespace cairn::http {

ServerTest::ServerTest() : work_(io_.get_executor()), loop_([this] { io_.run(); }) {}

ServerTest::~ServerTest() {
  if (server_) server_->stop();
  work_.reset();
  io_.stop();
  loop_.join();
}

void ServerTest::start(ServerOptions options) {
  options.listen = "127.0.0.1:0";
  auto server = Server::Impl::start(backend_, std::move(options));
  ASSERT_TRUE(server.has_value()) << server.error().detail;
  server_ = *server;
}

void ServerTest::on_loop(const std::function<void(FakeBackend&)>& work) {
  std::promise<void> done;
  boost::asio::post(io_, [&] {
    work(*backend_);
    done.set_value();
  });
  done.get_future().wait();
}

void ServerTest::await_held(std::size_t n) {
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  std::size_t held = 0;
  while (held < n && Clock::now() < deadline) {
    on_loop([&held](FakeBackend& b) { held = b.held(); });
  }
  ASSERT_EQ(held, n);
}

std::vector<std::string> ServerTest::calls() {
  std::vector<std::string> out;
  on_loop([&out](FakeBackend& b) { out = b.calls; });
  return out;
}

void ServerTest::await_metric(const std::string& name, const std::function<bool(double)>& wanted) {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  double last = -1;
  while (Clock::now() < deadline) {
    const std::string page = ask(request("GET", "/metrics")).body;
    const std::size_t at = page.find("\n" + name + " ");
    if (at != std::string::npos) last = std::stod(page.substr(at + name.size() + 2));
    if (at != std::string::npos && wanted(last)) return;
  }
  FAIL() << name << " stayed " << last;
}

boost::json::value json_of(const Answer& answer) {
  boost::system::error_code ec;
  return boost::json::parse(answer.body, ec);
}

std::string member(const Answer& answer, const char* name) {
  const boost::json::value body = json_of(answer);
  const auto* object = body.if_object();
  const auto* found = object == nullptr ? nullptr : object->if_contains(name);
  if (found == nullptr) return "(none)";
  return found->is_string() ? std::string(found->as_string()) : boost::json::serialize(*found);
}

std::string code_of(const Answer& answer) {
  if (answer.status == 0) return "(no answer)";
  if (answer.field("content-type") != "application/problem+json") return "(no problem)";
  for (const ProblemRow& row : problem_table()) {
    if (member(answer, "code") != row.name) continue;
    EXPECT_EQ(answer.status, row.status);
    EXPECT_EQ(member(answer, "status"), std::to_string(row.status));
    EXPECT_EQ(member(answer, "title"), row.title);
    EXPECT_NE(member(answer, "type"), "(none)");
    EXPECT_NE(member(answer, "detail"), "(none)");
    EXPECT_NE(member(answer, "retryable"), "(none)");
    EXPECT_EQ(!answer.field("retry-after").empty(), row.retry_after);
    return row.name;
  }
  return "(unknown code)";
}

}  // namespace cairn::http
