// A store in memory for the tests of the door: answers at once, later, or when the test says so.
#pragma once

#include <boost/asio/post.hpp>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "http/backend.h"

namespace cairn::http {

class FakeBackend final : public Backend {
 public:
  explicit FakeBackend(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  enum class Answers { kAtOnce, kPosted, kHeld };

  // Set and used on the loop thread, or before the server starts.
  Answers answers = Answers::kAtOnce;
  std::optional<kv::Error> fail_with;  // all calls
  std::vector<std::string> reasons;
  kv::ClusterView cluster_view;
  kv::RingView ring_view{0, 1, {1}};
  std::vector<kv::Sample> samples;
  std::vector<std::string> backup_pieces;
  bool backup_breaks = false;  // after the last piece
  kv::MemberPlan plan;
  kv::MemberChange last_change;
  kv::StateComparison last_comparison;
  kv::StateReport report;
  std::vector<std::string> calls;  // "put key", in the order in which they came
  kv::ReadOptions last_read;
  kv::WriteOptions last_write;
  kv::ScanOptions last_scan;
  kv::RemovePrefixOptions last_remove_prefix;
  std::size_t key_bytes_max = 4096;

  [[nodiscard]] std::size_t held() const { return held_.size(); }
  void release(std::size_t index = 0) {
    auto go = std::move(held_.at(index));
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
    go();
  }
  void release_all() {
    while (!held_.empty()) release();
  }

  boost::asio::any_io_executor executor() const override { return executor_; }

  void put(std::string key, std::string value, kv::WriteOptions options,
           kv::Callback<kv::PutResult> done) override;
  void remove(std::string key, kv::WriteOptions options,
              kv::Callback<kv::RemoveResult> done) override;
  void remove_prefix(std::string prefix, kv::RemovePrefixOptions options,
                     kv::Callback<kv::RemovePrefixResult> done) override;
  void get(std::string key, kv::ReadOptions options, kv::Callback<kv::ReadResult> done) override;
  void scan(kv::ScanOptions options, kv::Callback<kv::ScanResult> done) override;

  void backup(kv::Callback<std::shared_ptr<kv::BackupStream>> done) override;
  void change_members(kv::MemberChange change, kv::Callback<kv::MemberPlan> done) override {
    last_change = change;
    note("change");
    finish<kv::MemberPlan>(std::move(done), [this] { return plan; });
  }
  void promote(std::uint64_t node, kv::Callback<kv::MemberPlan> done) override {
    note("promote " + std::to_string(node));
    finish<kv::MemberPlan>(std::move(done), [this] { return plan; });
  }
  void move_leader(std::uint32_t partition, std::uint64_t to,
                   kv::Callback<std::uint64_t> done) override {
    note("lead " + std::to_string(partition) + " " + std::to_string(to));
    finish<std::uint64_t>(std::move(done), [to] { return to; });
  }

  void compare_states(const kv::StateComparison& wish,
                      kv::Callback<kv::StateReport> done) override {
    last_comparison = wish;
    note(wish.heal ? "heal" : "diff");
    finish<kv::StateReport>(std::move(done), [this] { return report; });
  }

  std::vector<std::string> not_ready_reasons() const override { return reasons; }
  kv::ClusterView cluster() const override { return cluster_view; }
  kv::RingView ring(std::string_view) const override { return ring_view; }
  std::vector<kv::Sample> metrics() const override { return samples; }

 private:
  using Map = std::map<std::string, kv::Item>;

  // Runs `work`, which makes the answer, and hands it to `done` in the chosen way.
  template <class T, class Work>
  void finish(kv::Callback<T> done, Work work) {
    kv::Result<T> result = fail_with ? kv::Result<T>(*fail_with) : work();
    switch (answers) {
      case Answers::kAtOnce:
        return done(std::move(result));
      case Answers::kPosted:
        return boost::asio::post(executor_, [done = std::move(done), result]() { done(result); });
      case Answers::kHeld:
        held_.push_back([done = std::move(done), result]() { done(result); });
    }
  }
  [[nodiscard]] std::optional<kv::Error> refusal(const std::string& key,
                                                 const kv::WriteOptions& options) const;
  [[nodiscard]] std::optional<kv::Error> key_error(const std::string& key) const;
  void note(std::string call) {
    if (calls.size() < 10'000) calls.push_back(std::move(call));
  }

  const boost::asio::any_io_executor executor_;
  Map items_;
  kv::Revision revision_ = 1000;
  std::map<std::string, kv::PutResult> first_answers_;
  std::vector<std::function<void()>> held_;
};

}  // namespace cairn::http
