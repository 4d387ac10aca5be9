#include "tools/bench/work.h"

#include <algorithm>

namespace cairn::tools::bench {

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::kGet:
      return "get";
    case Kind::kPut:
      return "put";
    case Kind::kInsert:
      return "insert";
    case Kind::kScan:
      return "scan";
    case Kind::kModify:
      return "read-modify-write";
  }
  return "?";
}

// YCSB's core workloads as its own files have them, with scans of 1 to 100 items.
const std::vector<Mix>& mixes() {
  using D = Distribution;
  //                       get put ins scan rmw
  static const std::vector<Mix> kMixes{
      {"put", {0, 1000, 0, 0, 0}, D::kUniform, "overwrite keys"},
      {"get", {1000, 0, 0, 0, 0}, D::kUniform, "read keys"},
      {"mixed", {500, 500, 0, 0, 0}, D::kUniform, "half puts, half gets"},
      {"scan", {0, 0, 0, 1000, 0}, D::kUniform, "read 1 to --scan-length items from a key on"},
      {"ycsb-a", {500, 500, 0, 0, 0}, D::kZipfian, "update heavy: 50 % get, 50 % put"},
      {"ycsb-b", {950, 50, 0, 0, 0}, D::kZipfian, "read mostly: 95 % get, 5 % put"},
      {"ycsb-c", {1000, 0, 0, 0, 0}, D::kZipfian, "read only"},
      {"ycsb-d", {950, 0, 50, 0, 0}, D::kLatest, "read latest: 95 % get, 5 % insert"},
      {"ycsb-e", {0, 0, 50, 950, 0}, D::kZipfian, "short ranges: 95 % scan, 5 % insert"},
      {"ycsb-f", {500, 0, 0, 0, 500}, D::kZipfian, "50 % get, 50 % read-modify-write"},
  };
  return kMixes;
}

const Mix* find_mix(std::string_view name) {
  const auto at = std::find_if(mixes().begin(), mixes().end(),
                               [name](const Mix& mix) { return mix.name == name; });
  return at == mixes().end() ? nullptr : &*at;
}

}  // namespace cairn::tools::bench
