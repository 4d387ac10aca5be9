// A cluster's HTTP door by several endpoints: the next one is asked when one cannot be reached or
// says that another try may help.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tools/lib/http_client.h"

namespace cairn::tools {

/// The fields of a problem answer (RFC 9457) that decide what happens next.
struct Problem {
  std::string code;
  std::string detail;
  std::string committed;  // "yes" "no" "unknown" "partial"; empty: not a write, or not said
  bool retryable = false;
};

/// Reads a problem body; any other body of an error answer gives its status as the code.
[[nodiscard]] Problem parse_problem(const HttpResponse& response);

struct Answer {
  enum class Kind {
    kResponse,     // a node answered, well or ill, and asking again would not change it
    kUnreachable,  // no node could be reached: nothing was done
    kUnknown,      // a write was sent and its outcome is not known
  };
  Kind kind = Kind::kUnreachable;
  HttpResponse response;
  std::string error;  // of the other two: what was tried
};

class ClusterClient {
 public:
  ClusterClient(std::vector<Endpoint> endpoints, std::chrono::milliseconds timeout);

  /// A read is sent as often as time allows. A write is sent again only if it was never received,
  /// if the answer promises that it never takes effect, or if it has an Idempotency-Key.
  [[nodiscard]] Answer send(const HttpRequest& request);
  /// GETs an answer of any length into the sink, from the first endpoint that gives one. Once the
  /// sink has had a piece, another endpoint is not asked. Empty: all of it came; else why not.
  [[nodiscard]] std::string download(const std::string& target, ResponseReader::Sink sink);

 private:
  /// One try on the current endpoint. True: the answer stands.
  bool attempt(const HttpRequest& request, std::chrono::steady_clock::time_point deadline,
               Answer& answer);
  void pause(const Answer& answer, std::chrono::steady_clock::time_point deadline) const;

  std::vector<std::unique_ptr<HttpClient>> clients_;
  std::size_t current_ = 0;  // the endpoint that answered last
  std::chrono::milliseconds timeout_;
  // Of the request under way:
  bool reached_ = false;     // some node of this round was there
  bool maybe_done_ = false;  // some try of this write may have taken effect
};

/// 32 random hex digits.
[[nodiscard]] std::string random_idempotency_key();

}  // namespace cairn::tools
