#include "kv/engine/changes.h"

#include <utility>

namespace cairn::kv {
namespace {

leveldb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace

void Changes::put(std::string_view key, std::string_view value) {
  batch_.Put(slice(key), slice(value));
  ++operations_;
}

void Changes::remove(std::string_view key) {
  batch_.Delete(slice(key));
  ++operations_;
}

void Changes::put_record(std::string key, std::string value) {
  put(key, value);
  records_.insert_or_assign(std::move(key), std::move(value));
}

void Changes::remove_record(std::string key) {
  remove(key);
  records_.insert_or_assign(std::move(key), std::nullopt);
}

const std::optional<std::string>* Changes::find_record(std::string_view key) const {
  const auto found = records_.find(key);
  return found == records_.end() ? nullptr : &found->second;
}

void Changes::clear() {
  batch_.Clear();
  operations_ = 0;
  records_.clear();
}

}  // namespace cairn::kv
