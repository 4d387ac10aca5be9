// What apply has decided and LevelDB does not know yet: one WriteBatch, and the records in it that
// a later entry of the same batch may ask for.
#pragma once

#include <leveldb/write_batch.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::kv {

class Changes {
 public:
  /// Items: what is known of them stands in the metadata table until they are written.
  void put(std::string_view key, std::string_view value);
  void remove(std::string_view key);

  /// Records of sessions and idempotency keys: found again before they are written.
  void put_record(std::string key, std::string value);
  void remove_record(std::string key);
  /// Null: nothing was decided about it. Points to nullopt: it is removed.
  const std::optional<std::string>* find_record(std::string_view key) const;

  bool empty() const { return operations_ == 0; }
  leveldb::WriteBatch& batch() { return batch_; }
  void clear();

 private:
  leveldb::WriteBatch batch_;
  std::size_t operations_ = 0;
  std::map<std::string, std::optional<std::string>, std::less<>> records_;
};

}  // namespace cairn::kv
