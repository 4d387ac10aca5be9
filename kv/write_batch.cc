#include "cairn/kv/store.h"

namespace cairn::kv {

WriteBatch& WriteBatch::put(std::string_view key, std::string_view value) {
  operations_.push_back({.remove = false, .key = std::string(key), .value = std::string(value)});
  return *this;
}

WriteBatch& WriteBatch::remove(std::string_view key) {
  operations_.push_back({.remove = true, .key = std::string(key), .value = {}});
  return *this;
}

}  // namespace cairn::kv
