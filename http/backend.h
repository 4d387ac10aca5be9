// What the door needs of a store, so that tests can stand in for one.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/kv/store.h"

namespace cairn::http {

/// Called on the loop thread only, but for executor(). Callbacks come on that thread, at once or
/// later, exactly once; or are dropped when the store goes.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual boost::asio::any_io_executor executor() const = 0;

  virtual void put(std::string key, std::string value, kv::WriteOptions options,
                   kv::Callback<kv::PutResult> done) = 0;
  virtual void remove(std::string key, kv::WriteOptions options,
                      kv::Callback<kv::RemoveResult> done) = 0;
  virtual void remove_prefix(std::string prefix, kv::RemovePrefixOptions options,
                             kv::Callback<kv::RemovePrefixResult> done) = 0;
  virtual void get(std::string key, kv::ReadOptions options, kv::Callback<kv::ReadResult> done) = 0;
  virtual void scan(kv::ScanOptions options, kv::Callback<kv::ScanResult> done) = 0;

  virtual void backup(kv::Callback<std::shared_ptr<kv::BackupStream>> done) = 0;
  virtual void change_members(kv::MemberChange change, kv::Callback<kv::MemberPlan> done) = 0;
  virtual void promote(std::uint64_t node, kv::Callback<kv::MemberPlan> done) = 0;
  virtual void move_leader(std::uint32_t partition, std::uint64_t to,
                           kv::Callback<std::uint64_t> done) = 0;

  virtual void compare_states(const kv::StateComparison& wish,
                              kv::Callback<kv::StateReport> done) = 0;

  [[nodiscard]] virtual std::vector<std::string> not_ready_reasons() const = 0;
  [[nodiscard]] virtual kv::ClusterView cluster() const = 0;
  [[nodiscard]] virtual kv::RingView ring(std::string_view key) const = 0;
  [[nodiscard]] virtual std::vector<kv::Sample> metrics() const = 0;
};

}  // namespace cairn::http
