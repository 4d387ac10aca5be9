#include "tests/http/fake_backend.h"

#include <algorithm>

namespace cairn::http {

std::optional<kv::Error> FakeBackend::key_error(const std::string& key) const {
  if (key.empty()) return kv::Error(kv::Errc::kKeyEmpty);
  if (key.size() > key_bytes_max) return kv::Error(kv::Errc::kKeyTooLarge);
  return std::nullopt;
}

std::optional<kv::Error> FakeBackend::refusal(const std::string& key,
                                              const kv::WriteOptions& options) const {
  if (auto error = key_error(key)) return error;
  const auto at = items_.find(key);
  const kv::Revision current = at == items_.end() ? 0 : at->second.mod_revision;
  if ((options.if_absent && current != 0) ||
      (options.if_revision != 0 && options.if_revision != current)) {
    kv::Error error(kv::Errc::kRevisionMismatch);
    error.revision = current;
    return error;
  }
  return std::nullopt;
}

void FakeBackend::put(std::string key, std::string value, kv::WriteOptions options,
                      kv::Callback<kv::PutResult> done) {
  note("put " + key);
  last_write = options;
  finish(std::move(done), [&]() -> kv::Result<kv::PutResult> {
    const std::string idempotency_key = options.idempotency_key;
    if (const auto first = first_answers_.find(idempotency_key); first != first_answers_.end()) {
      kv::PutResult again = first->second;
      again.replayed = true;
      return again;
    }
    if (auto error = refusal(key, options)) return *error;
    kv::Item& item = items_[key];
    kv::PutResult result;
    result.created = item.version == 0;
    if (options.return_previous && !result.created) result.previous = item;
    result.revision = ++revision_;
    item.key = key;
    item.value = std::move(value);
    item.mod_revision = revision_;
    if (result.created) item.create_revision = revision_;
    result.version = ++item.version;
    if (!idempotency_key.empty()) first_answers_[idempotency_key] = result;
    return result;
  });
}

void FakeBackend::remove(std::string key, kv::WriteOptions options,
                         kv::Callback<kv::RemoveResult> done) {
  note("remove " + key);
  last_write = options;
  finish(std::move(done), [&]() -> kv::Result<kv::RemoveResult> {
    if (auto error = refusal(key, options)) return *error;
    kv::RemoveResult result;
    if (const auto at = items_.find(key); at != items_.end()) {
      result.deleted = true;
      if (options.return_previous) result.previous = at->second;
      items_.erase(at);
    }
    result.revision = ++revision_;
    return result;
  });
}

void FakeBackend::remove_prefix(std::string prefix, kv::RemovePrefixOptions options,
                                kv::Callback<kv::RemovePrefixResult> done) {
  note("remove_prefix " + prefix);
  last_remove_prefix = options;
  finish(std::move(done), [&]() -> kv::Result<kv::RemovePrefixResult> {
    kv::RemovePrefixResult result;
    auto at = items_.lower_bound(prefix);
    while (at != items_.end() && at->first.compare(0, prefix.size(), prefix) == 0) {
      if (result.deleted == options.limit) {
        result.next = at->first;
        break;
      }
      at = items_.erase(at);
      ++result.deleted;
    }
    result.revision = ++revision_;
    return result;
  });
}

void FakeBackend::get(std::string key, kv::ReadOptions options, kv::Callback<kv::ReadResult> done) {
  note("get " + key);
  last_read = options;
  finish(std::move(done), [&]() -> kv::Result<kv::ReadResult> {
    if (auto error = key_error(key)) return *error;
    kv::ReadResult result;
    result.revision = revision_;
    if (const auto at = items_.find(key); at != items_.end()) result.item = at->second;
    return result;
  });
}

void FakeBackend::scan(kv::ScanOptions options, kv::Callback<kv::ScanResult> done) {
  note("scan " + options.prefix);
  last_scan = options;
  finish(std::move(done), [&]() -> kv::Result<kv::ScanResult> {
    kv::ScanResult result;
    result.revision = revision_;
    std::vector<const kv::Item*> found;
    for (const auto& [key, item] : items_) {
      if (key.compare(0, options.prefix.size(), options.prefix) != 0) continue;
      if (key < options.start || (!options.end.empty() && key >= options.end)) continue;
      found.push_back(&item);
    }
    result.count = options.count_only ? found.size() : 0;
    if (options.count_only) return result;
    if (options.reverse) std::reverse(found.begin(), found.end());
    for (const kv::Item* item : found) {
      const bool before = options.reverse ? item->key > options.cursor : item->key < options.cursor;
      if (!options.cursor.empty() && before) continue;
      if (result.items.size() == options.limit) {
        result.next = item->key;
        break;
      }
      result.items.push_back(*item);
    }
    return result;
  });
}

namespace {

class FakeBackup final : public kv::BackupStream {
 public:
  FakeBackup(boost::asio::any_io_executor executor, std::vector<std::string> pieces, bool breaks)
      : executor_(std::move(executor)), pieces_(std::move(pieces)), breaks_(breaks) {}
  void async_next(kv::Callback<std::optional<std::string>> done) override {
    kv::Result<std::optional<std::string>> next{std::optional<std::string>()};
    if (at_ < pieces_.size()) {
      next = std::optional(pieces_[at_++]);
    } else if (breaks_) {
      next = kv::Error(kv::Errc::kNoLeader);
    }
    boost::asio::post(executor_, [done = std::move(done), next] { done(next); });
  }

 private:
  boost::asio::any_io_executor executor_;
  std::vector<std::string> pieces_;
  const bool breaks_;
  std::size_t at_ = 0;
};

}  // namespace

void FakeBackend::backup(kv::Callback<std::shared_ptr<kv::BackupStream>> done) {
  note("backup");
  finish<std::shared_ptr<kv::BackupStream>>(std::move(done), [this] {
    return std::shared_ptr<kv::BackupStream>(
        std::make_shared<FakeBackup>(executor_, backup_pieces, backup_breaks));
  });
}

}  // namespace cairn::http
