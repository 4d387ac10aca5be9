#include "tools/bench/protocol.h"

#include "tools/lib/base64.h"
#include "tools/lib/cluster_client.h"

namespace cairn::tools::bench {
namespace {

std::string query_of(Consistency consistency) {
  switch (consistency) {
    case Consistency::kLinearizable:
      break;
    case Consistency::kLease:
      return "?consistency=lease";
    case Consistency::kEventual:
      return "?consistency=eventual";
  }
  return {};
}

class CairnProtocol final : public Protocol {
 public:
  explicit CairnProtocol(const Work& work)
      : work_(work),
        values_(work.value_size, work.seed),
        length_("Content-Length: " + std::to_string(work.value_size) + "\r\n\r\n"),
        get_end_(query_of(work.consistency) + " HTTP/1.1\r\n") {}

  void append(std::string& out, const Operation& operation, std::string_view host) const override {
    out += operation.put ? "PUT /v1/kv/" : "GET /v1/kv/";
    append_key(out, operation.key, work_.key_size);
    if (operation.put) {
      out += " HTTP/1.1\r\n";
      out += host;
      out += length_;
      out += values_.at(operation.value);
    } else {
      out += get_end_;
      out += host;
      out += "\r\n";
    }
  }

  Verdict judge(const Operation& operation, const HttpResponse& response) const override {
    if (response.status < 300) return {};
    const Problem problem = parse_problem(response);
    if (!operation.put && problem.code == "key_not_found") return {Verdict::Kind::kAbsent, ""};
    return {Verdict::Kind::kError, problem.code};
  }

 private:
  const Work& work_;
  ValuePool values_;
  std::string length_;
  std::string get_end_;
};

class EtcdProtocol final : public Protocol {
 public:
  explicit EtcdProtocol(const Work& work) : work_(work) {
    const ValuePool values(work.value_size, work.seed);
    for (std::size_t i = 0; i < ValuePool::kValues; ++i) {
      values_.push_back(base64_encode(values.at(i)));
    }
  }

  void append(std::string& out, const Operation& operation, std::string_view host) const override {
    std::string key;
    append_key(key, operation.key, work_.key_size);
    std::string body = "{\"key\":\"" + base64_encode(key) + '"';
    if (operation.put) {
      body += ",\"value\":\"" + values_[operation.value % values_.size()] + '"';
    } else if (work_.consistency == Consistency::kEventual) {
      body += ",\"serializable\":true";
    }
    body += '}';
    out += operation.put ? "POST /v3/kv/put HTTP/1.1\r\n" : "POST /v3/kv/range HTTP/1.1\r\n";
    out += host;
    out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  Verdict judge(const Operation& operation, const HttpResponse& response) const override {
    if (response.status >= 300) {
      return {Verdict::Kind::kError, "http_" + std::to_string(response.status)};
    }
    if (!operation.put && response.body.find("\"kvs\"") == std::string::npos) {
      return {Verdict::Kind::kAbsent, ""};
    }
    return {};
  }

 private:
  const Work& work_;
  std::vector<std::string> values_;
};

}  // namespace

std::unique_ptr<Protocol> cairn_protocol(const Work& work) {
  return std::make_unique<CairnProtocol>(work);
}

std::unique_ptr<Protocol> etcd_protocol(const Work& work) {
  return std::make_unique<EtcdProtocol>(work);
}

}  // namespace cairn::tools::bench
