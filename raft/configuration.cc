// Stable byte form of a configuration; the format is told in raft/README.md.
#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "raft/core.h"
#include "raft/quorum.h"

namespace cairn::raft {

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kListMax = 4096;  // far beyond use, bounds what is decoded

template <typename Int>
void put(std::string& out, Int value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
}

void put_list(std::string& out, const std::vector<NodeId>& ids) {
  put(out, static_cast<std::uint32_t>(ids.size()), 4);
  for (NodeId id : ids) put(out, id, 8);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool take(std::uint64_t& value, std::size_t bytes) {
    if (bytes_.size() < bytes) return false;
    value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[i])) << (8 * i);
    }
    bytes_.remove_prefix(bytes);
    return true;
  }

  bool take_list(std::vector<NodeId>& ids) {
    std::uint64_t count = 0;
    if (!take(count, 4) || count > kListMax || count * 8 > bytes_.size()) return false;
    NodeId previous = kNobody;
    for (std::uint64_t i = 0; i < count; ++i) {
      NodeId id = kNobody;
      if (!take(id, 8) || id <= previous) return false;  // sorted, once each, never nobody
      ids.push_back(previous = id);
    }
    return true;
  }

  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

bool rising(const std::vector<NodeId>& ids) {
  return (ids.empty() || ids.front() != kNobody) &&
         std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
}

}  // namespace

bool is_legal(const Configuration& config) {
  const auto& [voters, outgoing, learners] = config;
  if (voters.empty() || voters.size() + outgoing.size() + learners.size() > kMembersMax) {
    return false;
  }
  if (!rising(voters) || !rising(outgoing) || !rising(learners)) return false;
  // A voter on its way to being a learner is both outgoing and learner.
  return std::none_of(learners.begin(), learners.end(),
                      [&](NodeId id) { return contains(config.voters, id); });
}

std::string encode_configuration(const Configuration& config) {
  std::string out;
  out.reserve(13 +
              8 * (config.voters.size() + config.voters_outgoing.size() + config.learners.size()));
  out.push_back(kVersion);
  put_list(out, config.voters);
  put_list(out, config.voters_outgoing);
  put_list(out, config.learners);
  return out;
}

std::optional<Configuration> decode_configuration(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kVersion) return std::nullopt;
  Reader reader(bytes.substr(1));
  Configuration config;
  if (!reader.take_list(config.voters) || !reader.take_list(config.voters_outgoing) ||
      !reader.take_list(config.learners) || !reader.at_end()) {
    return std::nullopt;
  }
  return config;
}

}  // namespace cairn::raft
