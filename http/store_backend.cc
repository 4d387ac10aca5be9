#include "http/store_backend.h"

#include <utility>

#include "cairn/kv/async.h"

namespace cairn::http {
namespace {

class StoreBackend final : public Backend {
 public:
  explicit StoreBackend(kv::Store& store) : store_(store) {}

  boost::asio::any_io_executor executor() const override { return kv::loop_executor(store_); }

  void put(std::string key, std::string value, kv::WriteOptions options,
           kv::Callback<kv::PutResult> done) override {
    store_.async_put(std::move(key), std::move(value), std::move(options), std::move(done));
  }
  void remove(std::string key, kv::WriteOptions options,
              kv::Callback<kv::RemoveResult> done) override {
    store_.async_remove(std::move(key), std::move(options), std::move(done));
  }
  void remove_prefix(std::string prefix, kv::RemovePrefixOptions options,
                     kv::Callback<kv::RemovePrefixResult> done) override {
    store_.async_remove_prefix(std::move(prefix), std::move(options), std::move(done));
  }
  void get(std::string key, kv::ReadOptions options, kv::Callback<kv::ReadResult> done) override {
    store_.async_get(std::move(key), options, std::move(done));
  }
  void scan(kv::ScanOptions options, kv::Callback<kv::ScanResult> done) override {
    store_.async_scan(std::move(options), std::move(done));
  }
  void backup(kv::Callback<std::shared_ptr<kv::BackupStream>> done) override {
    store_.async_backup(std::move(done));
  }

  void change_members(kv::MemberChange change, kv::Callback<kv::MemberPlan> done) override {
    store_.async_change_members(std::move(change), std::move(done));
  }
  void promote(std::uint64_t node, kv::Callback<kv::MemberPlan> done) override {
    store_.async_promote(node, {}, std::move(done));
  }
  void move_leader(std::uint32_t partition, std::uint64_t to,
                   kv::Callback<std::uint64_t> done) override {
    store_.async_move_leader(partition, to, {}, std::move(done));
  }

  void compare_states(const kv::StateComparison& wish,
                      kv::Callback<kv::StateReport> done) override {
    store_.async_compare_states(wish, std::move(done));
  }

  std::vector<std::string> not_ready_reasons() const override { return store_.not_ready_reasons(); }
  kv::ClusterView cluster() const override { return store_.cluster(); }
  kv::RingView ring(std::string_view key) const override { return store_.ring(key); }
  std::vector<kv::Sample> metrics() const override { return store_.metrics(); }

 private:
  kv::Store& store_;
};

}  // namespace

std::shared_ptr<Backend> make_store_backend(kv::Store& store) {
  return std::make_shared<StoreBackend>(store);
}

}  // namespace cairn::http
