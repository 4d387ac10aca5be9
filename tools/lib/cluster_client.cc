#include "tools/lib/cluster_client.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <thread>

#include "tools/lib/json_view.h"
#include "tools/lib/units.h"

namespace cairn::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPauseMin{50};

bool is_read(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

bool has_idempotency_key(const HttpRequest& request) {
  return std::any_of(request.fields.begin(), request.fields.end(),
                     [](const auto& field) { return field.first == "Idempotency-Key"; });
}

}  // namespace

Problem parse_problem(const HttpResponse& response) {
  Problem problem;
  const auto object = json_object(response.body);
  problem.code = json_text(object, "code");
  problem.detail = json_text(object, "detail");
  problem.committed = json_text(object, "committed");
  problem.retryable = json_text(object, "retryable") == "true";
  if (problem.code.empty()) problem.code = "http_" + std::to_string(response.status);
  return problem;
}

std::string random_idempotency_key() {
  std::random_device device;
  std::array<char, 9> part{};
  std::string key;
  for (int i = 0; i < 4; ++i) {
    std::snprintf(part.data(), part.size(), "%08x", static_cast<unsigned>(device()));
    key += part.data();
  }
  return key;
}

ClusterClient::ClusterClient(std::vector<Endpoint> endpoints, std::chrono::milliseconds timeout)
    : timeout_(timeout) {
  for (Endpoint& endpoint : endpoints) {
    clients_.push_back(std::make_unique<HttpClient>(std::move(endpoint)));
  }
}

bool ClusterClient::attempt(const HttpRequest& request, Clock::time_point deadline,
                            Answer& answer) {
  HttpClient& client = *clients_[current_];
  Exchange exchange = client.send(request, deadline);
  reached_ = reached_ || exchange.connected;
  const bool resendable = is_read(request) || has_idempotency_key(request);
  if (exchange.response) {
    answer = {Answer::Kind::kResponse, std::move(*exchange.response), ""};
    if (answer.response.status < 400) return true;
    const Problem problem = parse_problem(answer.response);
    maybe_done_ = maybe_done_ || problem.committed == "unknown";
    return !problem.retryable || !(resendable || problem.committed == "no");
  }
  const std::string error = client.endpoint().url() + ": " + exchange.error;
  if (exchange.connected && !is_read(request)) {
    maybe_done_ = true;
    answer = {Answer::Kind::kUnknown, {}, error};
    return !resendable;
  }
  // What some node said tells more than that another cannot be reached.
  if (answer.kind != Answer::Kind::kResponse) answer = {Answer::Kind::kUnreachable, {}, error};
  return false;
}

void ClusterClient::pause(const Answer& answer, Clock::time_point deadline) const {
  std::chrono::milliseconds wait = kPauseMin;
  if (answer.kind == Answer::Kind::kResponse) {
    const auto seconds = parse_number(answer.response.field("retry-after")).value_or(0);
    wait =
        std::max(kPauseMin, std::chrono::milliseconds(std::min<std::uint64_t>(seconds, 1) * 1000));
  }
  std::this_thread::sleep_until(std::min(deadline, Clock::now() + wait));
}

Answer ClusterClient::send(const HttpRequest& request) {
  const auto deadline = Clock::now() + timeout_;
  Answer answer;
  maybe_done_ = false;
  do {
    reached_ = false;
    for (std::size_t left = clients_.size(); left > 0; --left) {
      // One silent node must not use up the time of the others.
      const auto share = (deadline - Clock::now()) / static_cast<std::int64_t>(left);
      if (attempt(request, Clock::now() + share, answer)) return answer;
      current_ = (current_ + 1) % clients_.size();
    }
    if (reached_) pause(answer, deadline);
  } while (reached_ && Clock::now() < deadline);
  if (maybe_done_) {
    // "Not done" said of the last try says nothing of the ones before.
    if (answer.kind == Answer::Kind::kResponse) answer.error = parse_problem(answer.response).code;
    answer.kind = Answer::Kind::kUnknown;
  }
  return answer;
}

std::string ClusterClient::download(const std::string& target, ResponseReader::Sink sink) {
  std::string error = "no node can be reached";
  bool begun = false;
  for (std::size_t left = clients_.size(); left > 0 && !begun; --left) {
    HttpClient& client = *clients_[current_];
    Exchange exchange = client.download({"GET", target, {}, ""}, timeout_, [&](std::string_view p) {
      begun = true;
      return sink(p);
    });
    if (exchange.response && exchange.response->status < 300) return {};
    if (exchange.response) {
      const Problem problem = parse_problem(*exchange.response);
      error = problem.code + (problem.detail.empty() ? "" : ": " + problem.detail);
      if (!problem.retryable) return error;
    } else if (begun) {
      error = client.endpoint().url() + ": the answer broke off: " + exchange.error;
    } else {
      error = "no node can be reached: " + client.endpoint().url() + ": " + exchange.error;
    }
    current_ = (current_ + 1) % clients_.size();
  }
  return error;
}

}  // namespace cairn::tools
