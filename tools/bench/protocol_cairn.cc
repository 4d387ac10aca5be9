#include "tools/bench/protocol.h"
#include "tools/bench/values.h"
#include "tools/lib/cluster_client.h"

namespace cairn::tools::bench {
namespace {

using Action = Operation::Action;

std::string query_of(Consistency consistency) {
  switch (consistency) {
    case Consistency::kLinearizable:
      break;
    case Consistency::kLease:
      return "consistency=lease";
    case Consistency::kEventual:
      return "consistency=eventual";
  }
  return {};
}

Outcome problem_of(const Operation& operation, const Answer& answer) {
  HttpResponse response;
  response.status = answer.status;
  response.body = answer.body;
  const Problem problem = parse_problem(response);
  if (operation.action == Action::kGet && problem.code == "key_not_found") {
    return {Outcome::Result::kAbsent};
  }
  // What the door refuses before it is a write says nothing of "committed": 4xx is never done.
  const bool refused = answer.status < 500 && problem.committed.empty();
  return {Outcome::Result::kError, problem.code, problem.committed == "no" || refused};
}

std::uint64_t count_of(std::string_view text, std::string_view word) {
  std::uint64_t count = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + word.size())) ++count;
  return count;
}

class CairnProtocol final : public Protocol {
 public:
  CairnProtocol(const Work& work, bool stamps)
      : work_(work),
        stamps_(stamps),
        values_(work.value_size, work.seed),
        length_("Content-Length: " + std::to_string(work.value_size) + "\r\n\r\n"),
        query_(query_of(work.consistency)) {}

  void append(std::string& out, const Operation& operation, std::string_view host) const override {
    switch (operation.action) {
      case Action::kPut:
        out += "PUT /v1/kv/";
        append_key(out, operation.key, work_.key_size);
        out += " HTTP/1.1\r\n";
        out += host;
        out += length_;
        values_.append(out, operation);
        return;
      case Action::kGet:
        out += "GET /v1/kv/";
        append_key(out, operation.key, work_.key_size);
        if (!operation.linearizable && !query_.empty()) (out += '?') += query_;
        break;
      case Action::kScan:
        out += "GET /v1/kv?start=";
        append_key(out, operation.key, work_.key_size);
        (out += "&limit=") += std::to_string(operation.length);
        if (!query_.empty()) (out += '&') += query_;
        break;
    }
    out += " HTTP/1.1\r\n";
    out += host;
    out += "\r\n";
  }

  Outcome judge(const Operation& operation, const Answer& answer) const override {
    if (answer.status >= 300) return problem_of(operation, answer);
    Outcome outcome;
    if (operation.action == Action::kScan) {
      outcome.items = count_of(answer.body, "\"mod_revision\":");
    } else if (stamps_ && operation.action == Action::kGet) {
      outcome.stamp = read_stamp(find_value(answer.body));
    }
    return outcome;
  }

 private:
  const Work& work_;
  const bool stamps_;
  const ValuePool values_;
  const std::string length_;
  const std::string query_;
};

}  // namespace

std::unique_ptr<Protocol> cairn_protocol(const Work& work, bool stamps) {
  return std::make_unique<CairnProtocol>(work, stamps);
}

}  // namespace cairn::tools::bench
