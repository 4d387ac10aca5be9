#include "tools/bench/protocol.h"
#include "tools/bench/values.h"
#include "tools/lib/base64.h"

namespace cairn::tools::bench {
namespace {

using Action = Operation::Action;

class EtcdProtocol final : public Protocol {
 public:
  EtcdProtocol(const Work& work, bool stamps)
      : work_(work), stamps_(stamps), values_(work.value_size, work.seed) {
    for (std::size_t i = 0; i < ValuePool::kValues; ++i) {
      encoded_.push_back(base64_encode(values_.at(i)));
    }
  }

  void append(std::string& out, const Operation& operation, std::string_view host) const override {
    std::string key;
    append_key(key, operation.key, work_.key_size);
    std::string body = "{\"key\":\"" + base64_encode(key) + '"';
    if (operation.action == Action::kPut) {
      body += ",\"value\":\"" + value_of(operation) + '"';
    } else {
      if (operation.action == Action::kScan) {
        // The end "\0" is: to the last key.
        body += ",\"range_end\":\"AA==\",\"limit\":" + std::to_string(operation.length);
      }
      if (work_.consistency == Consistency::kEventual && !operation.linearizable) {
        body += ",\"serializable\":true";
      }
    }
    body += '}';
    out += operation.action == Action::kPut ? "POST /v3/kv/put HTTP/1.1\r\n"
                                            : "POST /v3/kv/range HTTP/1.1\r\n";
    out += host;
    out += "Content-Type: application/json\r\nContent-Length: ";
    out += std::to_string(body.size());
    out += "\r\n\r\n";
    out += body;
  }

  Outcome judge(const Operation& operation, const Answer& answer) const override {
    if (answer.status >= 300) {
      return {Outcome::Result::kError, "http_" + std::to_string(answer.status),
              answer.status < 500};
    }
    Outcome outcome;
    if (operation.action == Action::kGet) {
      if (answer.body.find("\"kvs\"") == answer.body.npos) {
        outcome.result = Outcome::Result::kAbsent;
      } else if (stamps_) {
        outcome.stamp = stamp_of(answer.body);
      }
    } else if (operation.action == Action::kScan) {
      for (auto at = answer.body.find("\"mod_revision\""); at != answer.body.npos;
           at = answer.body.find("\"mod_revision\"", at + 1)) {
        ++outcome.items;
      }
    }
    return outcome;
  }

 private:
  std::string value_of(const Operation& operation) const {
    if (operation.stamp == 0) return encoded_[operation.value % encoded_.size()];
    std::string value;
    values_.append(value, operation);
    return base64_encode(value);
  }

  static std::uint64_t stamp_of(std::string_view body) {
    // 24 characters hold the 16 bytes of the stamp; a shorter value has been refused as an option.
    const auto bytes = base64_decode(find_value(body).substr(0, 24));
    return bytes ? read_stamp(*bytes) : 0;
  }

  const Work& work_;
  const bool stamps_;
  const ValuePool values_;
  std::vector<std::string> encoded_;
};

}  // namespace

std::unique_ptr<Protocol> etcd_protocol(const Work& work, bool stamps) {
  return std::make_unique<EtcdProtocol>(work, stamps);
}

}  // namespace cairn::tools::bench
